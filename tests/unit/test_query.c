/* query: SQL over jobs and grids, three ways to print it, and what is refused. */
#include "store_fixture.h"

#include "query/query.h"

static struct store *store;

static int setup(void **state)
{
    if (folder_setup(state)) return -1;
    const char *path = file_in(state, "q.h5");
    struct fixture *f = fixture_new("my sweep", 0, 6);
    struct store_row r;
    struct err e = { 0 };
    prepare(path, f);
    store = open_store(path, true);
    run_job(store, 1, f->row[1], 1);
    assert_int_equal(store_read_row(store, f->row[2], &r, NULL, &e), 0);
    snprintf(r.error, sizeof r.error, "a \"quoted\", text\nof two lines \xc3\xa9");
    r.state = JOB_FAILED;
    r.test_loss = 0.1;
    r.t_gen = 1200;
    assert_int_equal(store_write_row(store, f->row[2], &r, &e), 0);
    free(f);
    return 0;
}

static int teardown(void **state)
{
    store_close(store);
    return folder_teardown(state);
}

static void expect(const char *sql, enum query_format format, const char *want)
{
    struct buf out = { 0 };
    struct err e = { 0 };
    if (store_query(store, sql, NULL, (struct query_form){ format, false }, NULL, &out, &e))
        fail_msg("%s: %s", sql, e.text);
    assert_string_equal(buf_chars(&out), want);
    buf_release(&out);
}

static void expect_error(const char *sql, const char *want)
{
    struct buf out = { 0 };
    struct err e = { 0 };
    assert_int_equal(store_query(store, sql, NULL, (struct query_form){ QUERY_CSV, false }, NULL, &out, &e), -1);
    assert_int_equal(e.kind, ERR_SPEC);
    assert_string_equal(e.text, want);
    buf_release(&out);
}

static void formats(void **state)
{
    (void)state;
    const char *sql = "SELECT seed, control, state, error, test_loss, t_gen, precision FROM jobs WHERE seed < 3";
    expect(sql, QUERY_CSV,
           "seed,control,state,error,test_loss,t_gen,precision\n"
           "0,dense,pending,,,,float\n"
           "1,dense,done,,,,double\n"
           "2,ticket,failed,\"a \"\"quoted\"\", text\nof two lines \xc3\xa9\",0.1,1200,float\n");
    expect(
        sql, QUERY_JSON,
        "{\"schema\":1,\"columns\":[\"seed\",\"control\",\"state\",\"error\",\"test_loss\",\"t_gen\",\"precision\"],"
        "\"rows\":[\n"
        "[0,\"dense\",\"pending\",null,null,null,\"float\"],\n"
        "[1,\"dense\",\"done\",null,null,null,\"double\"],\n"
        "[2,\"ticket\",\"failed\",\"a \\\"quoted\\\", text\\u000aof two lines \xc3\xa9\",0.1,1200,\"float\"]]}\n");
    expect(sql, QUERY_TABLE,
           "seed  control  state    error                            test_loss  t_gen  precision\n"
           "   0  dense    pending                                                     float\n"
           "   1  dense    done                                                        double\n"
           "   2  ticket   failed   a \"quoted\", text of two lines \xc3\xa9        0.1   1200  float\n");
    expect("SELECT 1 WHERE 0", QUERY_TABLE, "1\n");
    expect("SELECT 1 AS one WHERE 0", QUERY_JSON, "{\"schema\":1,\"columns\":[\"one\"],\"rows\":[]}\n");
}

static void whole_sql(void **state)
{
    (void)state;
    expect("SELECT count(*), sum(t_gen), avg(rate) FROM jobs", QUERY_CSV,
           "count(*),sum(t_gen),avg(rate)\n6,1200,1.25\n");
    expect("WITH d AS (SELECT control c, count(*) n FROM jobs GROUP BY 1) SELECT c, n FROM d ORDER BY n DESC;\n",
           QUERY_CSV, "c,n\ndense,4\nticket,2\n");
    /* A child with its parent, found by id. */
    expect("SELECT c.seed, p.seed FROM jobs c JOIN jobs p ON p.id = c.parent ORDER BY 1", QUERY_CSV,
           "seed,seed\n2,1\n5,4\n");
    expect("SELECT g.sweep, g.grid, seed FROM grids g JOIN jobs USING (id) WHERE g.grid = 'odd' ORDER BY seed",
           QUERY_CSV, "sweep,grid,seed\nmy sweep,odd,1\nmy sweep,odd,3\nmy sweep,odd,5\n");
    expect("SELECT count(*) FROM jobs WHERE id = 'no id' OR id IS NULL", QUERY_CSV, "count(*)\n0\n");
    expect("SELECT typeof(seed), typeof(k), typeof(rate), typeof(id), typeof(family) FROM jobs LIMIT 1", QUERY_CSV,
           "typeof(seed),typeof(k),typeof(rate),typeof(id),typeof(family)\ninteger,null,real,text,integer\n");
}

static void every_column(void **state)
{
    (void)state;
    struct buf out = { 0 };
    struct err e = { 0 };
    assert_int_equal(
        store_query(store, "SELECT * FROM jobs", NULL, (struct query_form){ QUERY_CSV, false }, NULL, &out, &e), 0);
    const char *head = buf_chars(&out);
    for (const struct column *c = store->form.column; c->name; c++) {
        size_t length = strcspn(head, ",\n");
        assert_int_equal(length, strlen(c->name));
        assert_memory_equal(head, c->name, length);
        head += length + 1;
    }
    buf_release(&out);
}

static void errors(void **state)
{
    (void)state;
    expect_error("SELECT sed FROM jobs",
                 "SQL: no such column: sed; did you mean 'seed'?; a text stands in single quotes");
    expect_error("SELECT j.tau_grk FROM jobs j",
                 "SQL: no such column: j.tau_grk; did you mean 'tau_grok'?; a text stands in single quotes");
    expect_error("SELECT id FROM job", "SQL: no such table: job; did you mean 'jobs'?");
    expect_error("SELEC id FROM jobs", "SQL: near \"SELEC\": syntax error");
    expect_error("", "SQL: there is no statement in it");
    expect_error("SELECT 1; SELECT 2", "SQL: one statement at a time; what follows the first is ' SELECT 2'");
}

static void only_reading(void **state)
{
    (void)state;
    static const char denied[] = "SQL: only SELECT and WITH are allowed: a query changes nothing";
    expect_error("DELETE FROM jobs", "SQL: table jobs may not be modified");
    expect_error("CREATE TABLE x(a)", denied);
    expect_error("ATTACH '/tmp/x' AS y", denied);
    expect_error("PRAGMA query_only = 0", denied);
    expect_error("DROP TABLE jobs", denied);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats), cmocka_unit_test(whole_sql),    cmocka_unit_test(every_column),
        cmocka_unit_test(errors),  cmocka_unit_test(only_reading),
    };
    return cmocka_run_group_tests_name("query", tests, setup, teardown);
}
