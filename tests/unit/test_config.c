/* SPDX-License-Identifier: Apache-2.0 */
#include "common/app/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

struct run {
    struct config config;
    struct buffer faults, warnings;
    bool good;
};

static int reset(void **state)
{
    (void)state;
    clearenv();
    return 0;
}

static struct run load(unsigned programs)
{
    struct run r = {0};
    r.good = config_load(&r.config, programs, &r.faults, &r.warnings);
    buffer_add_byte(&r.faults, 0);
    buffer_add_byte(&r.warnings, 0);
    return r;
}

static void finish(struct run *r)
{
    config_finish(&r->config);
    buffer_finish(&r->faults);
    buffer_finish(&r->warnings);
}

static void L8_defaults_are_those_of_the_older_service(void **state)
{
    (void)state;
    setenv("DATABASE_PASSWORD", "p@ss:w/rd %41'\"", 1);
    struct run r = load(CONFIG_CONSUMER | CONFIG_PRODUCER);
    assert_true(r.good);
    assert_string_equal(r.config.database_host, "localhost");
    assert_int_equal(r.config.database_port, 5432);
    assert_string_equal(r.config.database_name, "code_reviewer_logs");
    assert_string_equal(r.config.database_user, "logging_service_user");
    assert_string_equal(r.config.database_password, "p@ss:w/rd %41'\"");
    assert_string_equal(r.config.rabbitmq_host, "localhost");
    assert_int_equal(r.config.rabbitmq_port, 5672);
    assert_string_equal(r.config.rabbitmq_user, "guest");
    assert_string_equal(r.config.rabbitmq_password, "guest");
    assert_string_equal(r.config.rabbitmq_vhost, "/");
    assert_string_equal(r.config.rabbitmq_queue_name, "log_queue");
    assert_string_equal(r.config.producer_host, "0.0.0.0");
    assert_int_equal(r.config.producer_port, 8001);
    assert_int_equal(r.config.consumer_retry_attempts, 3);
    assert_int_equal(r.config.consumer_retry_delay_s, 5);
    assert_int_equal(r.config.rabbitmq_queue_type, CONFIG_QUORUM);
    assert_string_equal(r.faults.data, "");
    finish(&r);
}

static void all_faults_are_told_at_once(void **state)
{
    (void)state;
    setenv("DATABASE_PORT", "0", 1);
    setenv("LOG_LEVEL", "LOUD", 1);
    setenv("RABBITMQ_TLS", "maybe", 1);
    setenv("DATABASE_SSLMODE", "yes", 1);
    struct run r = load(CONFIG_CONSUMER);
    assert_false(r.good);
    assert_non_null(strstr(r.faults.data, "DATABASE_PORT is \"0\"; give a whole number from 1"));
    assert_non_null(strstr(r.faults.data, "LOG_LEVEL is \"LOUD\"; give one of DEBUG|INFO"));
    assert_non_null(strstr(r.faults.data, "RABBITMQ_TLS is \"maybe\""));
    assert_non_null(strstr(r.faults.data, "DATABASE_SSLMODE is \"yes\""));
    assert_non_null(strstr(r.faults.data, "DATABASE_PASSWORD is not set"));
    finish(&r);
}

static void a_queue_name_fits_into_amqp_with_its_lanes(void **state)
{
    char name[250] = {0};
    (void)state;
    memset(name, 'q', 248);
    setenv("RABBITMQ_QUEUE_NAME", name, 1);
    struct run r = load(CONFIG_PRODUCER);
    assert_true(r.good);
    finish(&r);
    name[248] = 'q';
    setenv("RABBITMQ_QUEUE_NAME", name, 1);
    r = load(CONFIG_PRODUCER);
    assert_false(r.good);
    assert_non_null(strstr(r.faults.data, "RABBITMQ_QUEUE_NAME is longer than 248 bytes"));
    finish(&r);
}

static void the_producer_needs_no_database_password(void **state)
{
    (void)state;
    struct run r = load(CONFIG_PRODUCER);
    assert_true(r.good);
    assert_string_equal(r.config.database_password, "");
    finish(&r);
}

static void a_secret_can_come_from_a_file(void **state)
{
    char path[] = "secret-XXXXXX";
    const int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "from the file\n", 14), 14);
    close(fd);
    setenv("DATABASE_PASSWORD_FILE", path, 1);
    struct run r = load(CONFIG_CONSUMER);
    assert_true(r.good);
    assert_string_equal(r.config.database_password, "from the file");
    finish(&r);
    setenv("DATABASE_PASSWORD", "both", 1);
    r = load(CONFIG_CONSUMER);
    assert_false(r.good);
    assert_non_null(strstr(r.faults.data, "both set"));
    finish(&r);
    unlink(path);
    unsetenv("DATABASE_PASSWORD");
    r = load(CONFIG_CONSUMER);
    assert_false(r.good);
    assert_non_null(strstr(r.faults.data, "cannot read"));
    finish(&r);
}

static void C18_RABBITMQ_PASS_is_read_too(void **state)
{
    (void)state;
    setenv("RABBITMQ_PASS", "old", 1);
    struct run r = load(CONFIG_PRODUCER);
    assert_string_equal(r.config.rabbitmq_password, "old");
    assert_string_equal(r.warnings.data, "");
    finish(&r);
    setenv("RABBITMQ_PASSWORD", "new", 1);
    r = load(CONFIG_PRODUCER);
    assert_string_equal(r.config.rabbitmq_password, "new");
    finish(&r);
}

static void lookalikes_are_pointed_out(void **state)
{
    (void)state;
    setenv("RABBITMQ_PASWORD", "x", 1);
    setenv("RABBITMQ_NODENAME", "x", 1);
    setenv("HOME", "x", 1);
    struct run r = load(CONFIG_PRODUCER);
    assert_true(r.good);
    assert_string_equal(r.warnings.data,
                        "RABBITMQ_PASWORD is not a setting; did you mean RABBITMQ_PASSWORD?\n");
    finish(&r);
}

static void production_refuses_default_passwords(void **state)
{
    (void)state;
    setenv("ENVIRONMENT", "production", 1);
    struct run r = load(CONFIG_PRODUCER);
    assert_false(r.good);
    assert_non_null(strstr(r.faults.data, "RABBITMQ_PASSWORD is a default password"));
    finish(&r);
    setenv("RABBITMQ_PASSWORD", "kept safe", 1);
    r = load(CONFIG_PRODUCER);
    assert_true(r.good);
    finish(&r);
}

static void a_url_wins_over_the_settings_it_names(void **state)
{
    struct buffer text = {0};
    (void)state;
    setenv("RABBITMQ_URL", "amqps://ev%40lyn:p%2F%3A%25@[::1]/a%2fb?heartbeat=7", 1);
    setenv("DATABASE_URL", "postgresql://me:s3cret@db.example:6543/events?sslmode=require", 1);
    setenv("DATABASE_HOST", "elsewhere", 1);
    struct run r = load(CONFIG_CONSUMER);
    assert_true(r.good);
    assert_string_equal(r.config.rabbitmq_host, "[::1]");
    assert_int_equal(r.config.rabbitmq_port, 5671);
    assert_int_equal(r.config.rabbitmq_tls, 1);
    assert_int_equal(r.config.rabbitmq_heartbeat_s, 7);
    assert_string_equal(r.config.rabbitmq_user, "ev@lyn");
    assert_string_equal(r.config.rabbitmq_password, "p/:%");
    assert_string_equal(r.config.rabbitmq_vhost, "a/b");
    assert_string_equal(r.config.database_host, "db.example");
    assert_int_equal(r.config.database_port, 6543);
    assert_string_equal(r.config.database_name, "events");
    assert_string_equal(r.config.database_user, "me");
    assert_string_equal(r.config.database_password, "s3cret");
    assert_string_equal(r.config.database_sslmode, "require");
    config_print(&r.config, CONFIG_CONSUMER, &text);
    buffer_add_byte(&text, 0);
    assert_null(strstr(text.data, "s3cret"));
    assert_non_null(strstr(text.data, "DATABASE_URL=********  # DATABASE_URL\n"));
    assert_non_null(strstr(text.data, "DATABASE_HOST=db.example  # DATABASE_URL\n"));
    assert_non_null(strstr(text.data, "RABBITMQ_QUEUE_NAME=log_queue  # default\n"));
    buffer_finish(&text);
    finish(&r);
}

static void a_url_leaves_alone_what_it_does_not_name(void **state)
{
    (void)state;
    setenv("RABBITMQ_URL", "amqp://a:5673,b/", 1);
    setenv("RABBITMQ_USER", "me", 1);
    struct run r = load(CONFIG_PRODUCER);
    assert_true(r.good);
    assert_string_equal(r.config.rabbitmq_host, "a:5673,b");
    assert_int_equal(r.config.rabbitmq_port, 5672);
    assert_int_equal(r.config.rabbitmq_tls, 0);
    assert_string_equal(r.config.rabbitmq_user, "me");
    assert_string_equal(r.config.rabbitmq_vhost, "/");
    finish(&r);
}

static void a_bad_url_is_refused(void **state)
{
    static const char *const bad[] = {
        "localhost:5672", "http://host/",      "amqp://",     "amqp://u:p%2@h/",
        "amqp://h/%00",   "amqp://u:p@:5672/", "amqp://h:x/", "amqp://h/v?heartbeats=3"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        setenv("RABBITMQ_URL", bad[i], 1);
        struct run r = load(CONFIG_PRODUCER);
        assert_false(r.good);
        assert_non_null(strstr(r.faults.data, "RABBITMQ_"));
        finish(&r);
    }
}

static void printed_settings_hide_secrets_and_name_their_origin(void **state)
{
    struct buffer text = {0};
    (void)state;
    setenv("RABBITMQ_PASSWORD", "s3cret", 1);
    struct run r = load(CONFIG_PRODUCER);
    config_print(&r.config, CONFIG_PRODUCER, &text);
    buffer_add_byte(&text, 0);
    assert_null(strstr(text.data, "s3cret"));
    assert_non_null(strstr(text.data, "RABBITMQ_PASSWORD=********  # RABBITMQ_PASSWORD\n"));
    assert_non_null(strstr(text.data, "PRODUCER_PORT=8001  # default\n"));
    assert_non_null(strstr(text.data, "RABBITMQ_QUEUE_TYPE=quorum  # default\n"));
    buffer_finish(&text);
    finish(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(L8_defaults_are_those_of_the_older_service, reset),
        cmocka_unit_test_setup(all_faults_are_told_at_once, reset),
        cmocka_unit_test_setup(a_queue_name_fits_into_amqp_with_its_lanes, reset),
        cmocka_unit_test_setup(the_producer_needs_no_database_password, reset),
        cmocka_unit_test_setup(a_secret_can_come_from_a_file, reset),
        cmocka_unit_test_setup(C18_RABBITMQ_PASS_is_read_too, reset),
        cmocka_unit_test_setup(lookalikes_are_pointed_out, reset),
        cmocka_unit_test_setup(production_refuses_default_passwords, reset),
        cmocka_unit_test_setup(a_url_wins_over_the_settings_it_names, reset),
        cmocka_unit_test_setup(a_url_leaves_alone_what_it_does_not_name, reset),
        cmocka_unit_test_setup(a_bad_url_is_refused, reset),
        cmocka_unit_test_setup(printed_settings_hide_secrets_and_name_their_origin, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
