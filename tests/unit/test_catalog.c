/* SPDX-License-Identifier: Apache-2.0 */
/* The reading of catalogues: what is good, and each fault with its line. */
#include <string.h>

#include "common/event/catalog_type.h"
#include "schema/catalog.h"
#include "tests/unit/unit.h"

#define TYPE(members) "{\"family\":\"f\",\"types\":{\n\"t\":{\n" members "}}}"
#define KEY           "\"routing_key\":\"a.b\""

static struct catalog *create(const char *const *texts, size_t count, struct buffer *faults)
{
    static const char *const names[] = {"one.json", "two.json"};
    struct catalog_file files[2];
    for (size_t i = 0; i < count; i++)
        files[i] = (struct catalog_file){names[i], slice_of(texts[i])};
    return catalog_create(files, count, faults);
}

static void assert_faults(const char *text, const char *expected)
{
    struct buffer faults = {0};
    struct catalog *c = create(&text, 1, &faults);
    buffer_add_byte(&faults, '\0');
    if (c != NULL || strcmp(faults.data, expected) != 0)
        fail_msg("%s\n%s", text, faults.data);
    buffer_finish(&faults);
}

static void faults_have_their_lines(void **state)
{
    static const char *const cases[][2] = {
        {"", "one.json:1: the JSON text ends before the value is complete\n"},
        {"\n\n[]", "one.json:1: a file of the catalogue is a JSON object\n"},
        {"{\"family\":\"f\",\n\"types\":{\n\"a\" {}}}", "one.json:3: a colon was expected here\n"},
        {"{\"family\":\"f\"}", "one.json:1: a file has a family and types\n"},
        {"{\"family\":\"f\",\"types\":{},\n\"tpyes\":{}}",
         "one.json:2: \"tpyes\" means nothing here; did you mean \"types\"?\n"},
        {"{\"family\":\"f\",\n\"types\":{\"a b\":{" KEY "}}}",
         "one.json:2: a b: a type's name has 1 to 100 letters, digits and ._-:/\n"},
        {TYPE("\"priority\":1"), "one.json:2: t: routing_key is missing\n"},
        {TYPE(KEY ",\n\"priority\":10"),
         "one.json:4: t: priority: expected a priority from 0 to 9\n"},
        {TYPE(KEY ",\n\"priority\":{\"high\":7}"),
         "one.json:4: t: priority: not every severity has one; \"else\" is missing\n"},
        {TYPE(KEY ",\n\"priority\":{\"hihg\":7,\"else\":1}"),
         "one.json:4: t: \"hihg\" is not a severity; did you mean \"high\"?\n"},
        {TYPE(KEY ",\"severity\":\n\"eror\""),
         "one.json:4: t: \"eror\" is not a severity; did you mean \"error\"?\n"},
        {TYPE(KEY ",\"severity\":{\"field\":\"x\",\n\"at_least\":{},\"else\":\"low\"}"),
         "one.json:3: t: severity: \"x\" is not a number of this type\n"},
        {TYPE(KEY ",\"required\":[\"n\"],\"fields\":{\"n\":{\"kind\":\"number\"}},\"severity\":{"
                  "\"field\":\"n\",\n\"at_least\":{\"low\":1,\n\"high\":2},\"else\":\"low\"}"),
         "one.json:5: t: at_least: the numbers must fall\n"},
        {TYPE("\"routing_key\":\n\"a.{b}\""),
         "one.json:4: t: routing_key: {b} is not a field of this type\n"},
        {TYPE("\"routing_key\":\n\"a.{b\""), "one.json:4: t: routing_key: a brace without its "
                                             "other\n"},
        {TYPE("\"routing_key\":\"{payload}\",\"optional\":[\"payload\"]"),
         "one.json:3: t: routing_key: {payload} is not a single value\n"},
        {TYPE(KEY ",\n\"required\":[\"x\"]"),
         "one.json:4: t: field \"x\" is neither defined in fields nor a column\n"},
        {TYPE(KEY ",\"required\":[\"user_id\"],\n\"optional\":[\"user_id\"]"),
         "one.json:4: t: field \"user_id\" is listed twice\n"},
        {TYPE(KEY ",\n\"fields\":{\"x\":{\"kind\":\"text\"}}"),
         "one.json:4: t: field \"x\" is neither required nor optional\n"},
        {TYPE(KEY ",\"required\":[\"x\"],\"fields\":{\n\"x\":{\"kind\":\"txt\"}}"),
         "one.json:4: t: kind: expected text, uuid, integer, number, boolean, object, array or "
         "time, got \"txt\"\none.json:4: t: field \"x\": its kind is missing\n"},
        {TYPE(KEY ",\"required\":[\"success\"],\"fields\":{\n\"success\":{\"kind\":\"text\"}}"),
         "one.json:4: t: field \"success\": it is a column, and of kind boolean\n"},
        {TYPE(KEY ",\"required\":[\"x\"],\"fields\":{\"x\":{\"kind\":\"text\",\n\"min\":1}}"),
         "one.json:4: t: min: only numbers have one\n"},
        {TYPE(KEY ",\"required\":[\"x\"],\"fields\":{\"x\":{\"kind\":\"number\",\n\"min\":2,"
                  "\"max\":1}}"),
         "one.json:4: t: min is more than max\n"},
        {TYPE(KEY ",\"required\":[\"x\"],\"fields\":{\"x\":{\"kind\":\"text\",\n\"enum\":[]}}"),
         "one.json:4: t: enum: expected an array of texts\n"},
        {TYPE(KEY ",\"required\":[\"x\"],\"fields\":{\"x\":{\"kind\":\"text\",\"enum\":[\"a\"],\n"
                  "\"default\":\"b\"}}"),
         "one.json:4: t: default: expected one of a, got \"b\"\n"},
        {TYPE(KEY ",\"required\":[\"x\",\"user_id\"],\"fields\":{\"x\":{\"kind\":\"text\",\n"
                  "\"spellings\":[\"user_id\"]}}"),
         "one.json:3: t: \"user_id\" stands for two fields\n"},
        {TYPE(KEY ",\"required\":[\"x\"],\"fields\":{\"x\":{\"kind\":\"text\",\n"
                  "\"otherwise\":\"y\"}}"),
         "one.json:4: t: otherwise: a column with an enum may name a text of the payload here\n"},
        {TYPE(KEY ",\n\"when\":{\"sytem\":[]}"),
         "one.json:4: t: when: \"sytem\" is not a column of texts\n"},
        {TYPE(KEY ",\n\"aliases\":\"u\""), "one.json:4: t: aliases: expected an array of texts\n"},
        {TYPE(KEY ",\n\"aliases\":[\"t\"]"), "one.json:2: \"t\" is a type in one.json:2 too; one "
                                             "must say when\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_faults(cases[i][0], cases[i][1]);
}

static void all_faults_of_all_files_are_told(void **state)
{
    static const char *const texts[] = {
        "{\"family\":\"a\",\"types\":{\n\"t\":{\"priority\":77},\n\"u\":{}}}",
        "{\"family\":\"b\",\"types\":{\n\"t\":{" KEY "},\n\"v\":7}}"};
    struct buffer faults = {0};
    (void)state;
    assert_null(create(texts, 2, &faults));
    buffer_add_byte(&faults, '\0');
    assert_string_equal(faults.data, "one.json:2: t: priority: expected a priority from 0 to 9\n"
                                     "one.json:2: t: routing_key is missing\n"
                                     "one.json:3: u: routing_key is missing\n"
                                     "two.json:3: v: v: expected an object\n"
                                     "two.json:2: \"t\" is a type in one.json:2 too; one must say "
                                     "when\n");
    buffer_finish(&faults);
}

static void types_of_one_name_are_told_apart_by_a_condition(void **state)
{
    static const char *const texts[] = {
        "{\"family\":\"a\",\"types\":{\"t\":{" KEY "}}}",
        "{\"family\":\"b\",\"when\":{\"system\":[\"s\"]},\"types\":{\"t\":{" KEY "},\"u\":{" KEY
        ",\"aliases\":[\"w\"]}}}"};
    struct buffer faults = {0};
    (void)state;
    struct catalog *c = create(texts, 2, &faults);
    assert_non_null(c);
    const struct catalog_type *t = catalog_find(c, SLICE("t"));
    assert_true(t->has_when);
    assert_false(t->next->has_when);
    assert_null(t->next->next);
    assert_ptr_equal(catalog_find(c, SLICE("w")), catalog_find(c, SLICE("u")));
    assert_null(catalog_find(c, SLICE("x")));
    assert_null(catalog_find(c, SLICE("")));
    catalog_destroy(c);
    buffer_finish(&faults);
}

static void the_built_in_catalogue_is_good_and_can_be_shown(void **state)
{
    struct buffer faults = {0}, text = {0};
    struct gate_value value;
    struct gate_verdict verdict;
    struct gate *gate =
        gate_create(&(struct gate_limits){.depth = 8, .members = 10000, .digits = 10000});
    (void)state;
    struct catalog *c = catalog_create(schema_catalog, schema_catalog_count, &faults);
    if (c == NULL)
        fail_msg("%.*s", SLICE_ARGS(buffer_slice(&faults)));
    assert_true(catalog_type_count(c) > 60);
    catalog_write(c, CATALOG_OPEN, &text);
    assert_true(gate_scan_whole(gate, buffer_slice(&text), &value, &verdict));
    assert_int_equal(value.member_count, 3);
    buffer_finish(&text);
    gate_destroy(gate);
    catalog_destroy(c);
}

static void a_folder_without_files_is_a_fault(void **state)
{
    struct buffer faults = {0};
    (void)state;
    assert_null(catalog_create_from_folder("/nonexistent", &faults));
    assert_null(catalog_create_from_folder("tests/unit", &faults));
    buffer_add_byte(&faults, '\0');
    assert_string_equal(faults.data, "/nonexistent: No such file or directory\n"
                                     "tests/unit: there is no .json file in this folder\n");
    buffer_finish(&faults);
    struct catalog *c = catalog_create_from_folder("schema/catalog", &faults);
    assert_non_null(c);
    catalog_destroy(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_have_their_lines),
        cmocka_unit_test(all_faults_of_all_files_are_told),
        cmocka_unit_test(types_of_one_name_are_told_apart_by_a_condition),
        cmocka_unit_test(the_built_in_catalogue_is_good_and_can_be_shown),
        cmocka_unit_test(a_folder_without_files_is_a_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
