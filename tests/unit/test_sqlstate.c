/* SPDX-License-Identifier: Apache-2.0 */
#include "common/pg/sqlstate.h"

#include "tests/unit/unit.h"

/* Every class of PostgreSQL's appendix A, and the codes that differ from their class. */
static const struct {
    const char *sqlstate, *constraint;
    enum sqlstate_class class;
} table[] = {
    {NULL, NULL, SQLSTATE_TRANSIENT}, /* the connection was lost */
    {"", NULL, SQLSTATE_TRANSIENT},
    {"03000", NULL, SQLSTATE_UNKNOWN},
    {"08000", NULL, SQLSTATE_TRANSIENT},
    {"08006", NULL, SQLSTATE_TRANSIENT},
    {"08P01", NULL, SQLSTATE_TRANSIENT},
    {"09000", NULL, SQLSTATE_UNKNOWN},
    {"0A000", NULL, SQLSTATE_CONFIGURATION},
    {"0B000", NULL, SQLSTATE_UNKNOWN},
    {"0F000", NULL, SQLSTATE_UNKNOWN},
    {"0L000", NULL, SQLSTATE_UNKNOWN},
    {"0P000", NULL, SQLSTATE_UNKNOWN},
    {"0Z000", NULL, SQLSTATE_UNKNOWN},
    {"20000", NULL, SQLSTATE_UNKNOWN},
    {"21000", NULL, SQLSTATE_DATA},
    {"22000", NULL, SQLSTATE_DATA},
    {"22003", NULL, SQLSTATE_DATA},
    {"22021", NULL, SQLSTATE_DATA},
    {"22P02", NULL, SQLSTATE_DATA},
    {"22P05", NULL, SQLSTATE_DATA},
    {"23502", NULL, SQLSTATE_DATA},
    {"23503", "a_key", SQLSTATE_DATA},
    {"23505", "log_events_pkey", SQLSTATE_DUPLICATE},
    {"23514", "priority_is_0_to_9", SQLSTATE_DATA},
    {"23514", NULL, SQLSTATE_PARTITION},
    {"23514", "", SQLSTATE_PARTITION},
    {"23P01", "an_exclusion", SQLSTATE_DATA},
    {"24000", NULL, SQLSTATE_UNKNOWN},
    {"25000", NULL, SQLSTATE_CONFIGURATION},
    {"25006", NULL, SQLSTATE_TRANSIENT},
    {"25P01", NULL, SQLSTATE_CONFIGURATION},
    {"25P02", NULL, SQLSTATE_CONFIGURATION},
    {"25P03", NULL, SQLSTATE_TRANSIENT},
    {"25P04", NULL, SQLSTATE_TRANSIENT},
    {"26000", NULL, SQLSTATE_CONFIGURATION},
    {"27000", NULL, SQLSTATE_UNKNOWN},
    {"28000", NULL, SQLSTATE_CONFIGURATION},
    {"28P01", NULL, SQLSTATE_CONFIGURATION},
    {"2B000", NULL, SQLSTATE_UNKNOWN},
    {"2D000", NULL, SQLSTATE_UNKNOWN},
    {"2F000", NULL, SQLSTATE_UNKNOWN},
    {"34000", NULL, SQLSTATE_UNKNOWN},
    {"38000", NULL, SQLSTATE_UNKNOWN},
    {"39000", NULL, SQLSTATE_UNKNOWN},
    {"3B001", NULL, SQLSTATE_CONFIGURATION},
    {"3D000", NULL, SQLSTATE_CONFIGURATION},
    {"3F000", NULL, SQLSTATE_CONFIGURATION},
    {"40001", NULL, SQLSTATE_TRANSIENT},
    {"40P01", NULL, SQLSTATE_TRANSIENT},
    {"42501", NULL, SQLSTATE_CONFIGURATION},
    {"42601", NULL, SQLSTATE_CONFIGURATION},
    {"42P01", NULL, SQLSTATE_CONFIGURATION},
    {"44000", NULL, SQLSTATE_UNKNOWN},
    {"53100", NULL, SQLSTATE_TRANSIENT},
    {"53200", NULL, SQLSTATE_TRANSIENT},
    {"53300", NULL, SQLSTATE_TRANSIENT},
    {"54000", NULL, SQLSTATE_DATA},
    {"54001", NULL, SQLSTATE_DATA},
    {"55000", NULL, SQLSTATE_UNKNOWN},
    {"55P03", NULL, SQLSTATE_TRANSIENT},
    {"57014", NULL, SQLSTATE_TRANSIENT},
    {"57P01", NULL, SQLSTATE_TRANSIENT},
    {"57P02", NULL, SQLSTATE_TRANSIENT},
    {"57P03", NULL, SQLSTATE_TRANSIENT},
    {"57P05", NULL, SQLSTATE_TRANSIENT},
    {"58000", NULL, SQLSTATE_TRANSIENT},
    {"58030", NULL, SQLSTATE_TRANSIENT},
    {"72000", NULL, SQLSTATE_UNKNOWN},
    {"F0000", NULL, SQLSTATE_UNKNOWN},
    {"HV000", NULL, SQLSTATE_UNKNOWN},
    {"P0001", NULL, SQLSTATE_UNKNOWN},
    {"XX000", NULL, SQLSTATE_UNKNOWN},
    {"XX001", NULL, SQLSTATE_UNKNOWN},
};

static void every_code_has_its_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const enum sqlstate_class class = sqlstate_class(table[i].sqlstate, table[i].constraint);
        if (class != table[i].class)
            fail_msg("%s (%s) is %s, not %s", table[i].sqlstate, table[i].constraint,
                     sqlstate_class_name(class), sqlstate_class_name(table[i].class));
    }
}

static void classes_have_different_names(void **state)
{
    (void)state;
    for (int a = 0; a < SQLSTATE_CLASS_COUNT; a++)
        for (int b = 0; b < a; b++)
            assert_string_not_equal(sqlstate_class_name(a), sqlstate_class_name(b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_its_class),
        cmocka_unit_test(classes_have_different_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
