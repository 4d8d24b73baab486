/* SPDX-License-Identifier: Apache-2.0 */
#include "common/amqp/options.h"

#include "common/app/config.h"

struct link_options link_options_of(const struct config *c, const char *name)
{
    return (struct link_options){
        .name = name,
        .hosts = c->rabbitmq_host,
        .port = (int)c->rabbitmq_port,
        .user = c->rabbitmq_user,
        .password = c->rabbitmq_password,
        .vhost = c->rabbitmq_vhost,
        .ca_file = c->rabbitmq_ca_file,
        .tls = c->rabbitmq_tls != 0,
        .heartbeat_s = (int)c->rabbitmq_heartbeat_s,
    };
}
