/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librabbitmq, our codec for AMQP 0-9-1. Its headers moved in 0.12, and the ones left at the old
 * place warn; this is the only file that knows either place.
 */
#ifndef HOLDFAST_AMQP_CODEC_H
#define HOLDFAST_AMQP_CODEC_H

#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/framing.h>
#else
#include <amqp.h>
#include <amqp_framing.h>
#endif

#endif
