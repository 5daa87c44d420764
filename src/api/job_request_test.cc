// Tests of job_request.h: what is meant arrives, and each kind of fault is told once, at its place,
// beside all others.
#include "api/job_request.h"

#include <sys/mman.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "api/problem.h"
#include "api/request_test_support.h"
#include "job/submission.h"
#include "text/encodings.h"

namespace retort::api {
namespace {

const std::string kDigest(64, 'a');

class JobRequestTest : public testing::Test {
 protected:
  std::expected<JobRequest, Faults> parse(const std::string& body, JobForm form = JobForm::run) {
    return parse_job_request(json_of(body), kitchen.settings, kitchen.offers, key, form);
  }
  std::string faults(const std::string& body, JobForm form = JobForm::run) {
    const auto parsed = parse(body, form);
    return parsed ? "" : text_of(parsed.error());
  }
  JobRequest good(const std::string& body, JobForm form = JobForm::run) {
    auto parsed = parse(body, form);
    EXPECT_TRUE(parsed) << body.substr(0, 500) << "\n" << text_of(parsed.error());
    return parsed ? *std::move(parsed) : JobRequest{};
  }
  // A program of snake with more members.
  static std::string snake(const std::string& members) {
    return "{'runtime':'snake','files':[{'content':'x'}]" + (members.empty() ? "" : "," + members) +
           "}";
  }
  static std::string files(const std::string& list) {
    return "{'runtime':'snake','files':[" + list + "]}";
  }

  Kitchen kitchen;
  const KeyBounds* key = nullptr;
};

TEST_F(JobRequestTest, TheSmallestBodyIsAProgramWithTheRuntimesDefaults) {
  const JobRequest request = good(snake(""));
  EXPECT_EQ(request.runtime_id, "snake");
  EXPECT_EQ(request.priority, 0);
  EXPECT_TRUE(request.use_cache);
  EXPECT_TRUE(request.webhook.empty());
  EXPECT_TRUE(request.blobs.empty());
  const job::Program& program = request.submission.program;
  ASSERT_EQ(program.files.size(), 1U);
  EXPECT_EQ(program.files[0].name, "main.sn");
  EXPECT_EQ(program.files[0].content, "x");
  EXPECT_FALSE(program.files[0].executable);
  EXPECT_EQ(program.runtime->id, "snake");
  EXPECT_EQ(values_of(program.run_limits), values_of(cell::Limits{}));
  EXPECT_EQ(values_of(program.compile_limits), values_of(cell::compile_defaults()));
  EXPECT_FALSE(request.submission.tests);
}

TEST_F(JobRequestTest, EveryMemberArrivesWhereItBelongs) {
  kitchen.settings.webhooks.enabled = true;
  const JobRequest request = good(
      "{'runtime':'SN','version':'3.11','files':[{'name':'a.sn','content':'print'},"
      "{'name':'lib/b.bin','content':'AP8=','encoding':'base64','executable':true}],"
      "'archive':{'content':'UEs='},'main':'a.sn','args':['1','-x',''],"
      "'env':{'NAME':'a=b','EMPTY':''},'stdin':{'content':'aGk=','encoding':'base64'},"
      "'limits':{'compile':{'cpu_time_us':1000000},'run':{'memory_bytes':67108864,"
      "'network':'none'}},'collect':['out.png','.'],'priority':-3,'cache':false,"
      "'webhook':'https://example.org/done'}",
      JobForm::stored);
  const job::Submission& submission = request.submission;
  ASSERT_EQ(submission.program.files.size(), 2U);
  EXPECT_EQ(submission.program.files[1].content, std::string("\0\xFF", 2));
  EXPECT_TRUE(submission.program.files[1].executable);
  ASSERT_TRUE(submission.program.archive);
  EXPECT_EQ(submission.program.archive->text, "PK");
  EXPECT_EQ(submission.program.main, "a.sn");
  EXPECT_EQ(submission.program.args, (std::vector<std::string>{"1", "-x", ""}));
  EXPECT_EQ(submission.program.env,
            (std::map<std::string, std::string>{{"EMPTY", ""}, {"NAME", "a=b"}}));
  EXPECT_EQ(submission.streams.stdin_text, "hi");
  EXPECT_EQ(submission.program.compile_limits.cpu_time.count(), 1'000'000);
  EXPECT_EQ(submission.program.run_limits.memory.bytes(), 67'108'864U);
  EXPECT_EQ(submission.program.run_limits.network, cell::Network::none);
  EXPECT_EQ(submission.collect, (std::vector<std::string>{"out.png", "."}));
  EXPECT_EQ(request.priority, -3);
  EXPECT_FALSE(request.use_cache);
  EXPECT_EQ(request.webhook, "https://example.org/done");
  EXPECT_EQ(request.files_bytes, 5U + 2U + 2U);
  EXPECT_GE(request.bytes, request.files_bytes);
}

TEST_F(JobRequestTest, TestsArriveWithTheirJudge) {
  const JobRequest request =
      good(snake("'tests':[{'stdin':'1','expected_stdout':'2'},{'name':'big','args':['x'],"
                 "'stdin':{'blob':'" +
                 kDigest +
                 "'}}],'parallel':2,'stop_early':true,"
                 "'output_kept_bytes':10"));
  ASSERT_TRUE(request.submission.tests);
  const job::TestSet& tests = *request.submission.tests;
  ASSERT_EQ(tests.cases.size(), 2U);
  EXPECT_EQ(tests.cases[0].name, "1");
  EXPECT_EQ(tests.cases[0].input.text, "1");
  EXPECT_EQ(tests.cases[0].answer->text, "2");
  EXPECT_FALSE(tests.cases[0].args);
  EXPECT_EQ(tests.cases[1].name, "big");
  EXPECT_EQ(tests.cases[1].args, std::vector<std::string>{"x"});
  EXPECT_FALSE(tests.cases[1].answer);
  EXPECT_EQ(tests.check.kind, job::CheckKind::tokens);
  EXPECT_EQ(tests.parallel, 2U);
  EXPECT_TRUE(tests.stop_early);
  EXPECT_EQ(tests.output_kept.bytes(), 10U);
  ASSERT_EQ(request.blobs.size(), 1U);
  EXPECT_EQ(request.blobs[0].sha256, kDigest);
  EXPECT_EQ(request.blobs[0].pointer, "/tests/1/stdin/blob");
  EXPECT_EQ(request.blobs[0].place, BlobPlace::test_input);
  EXPECT_EQ(request.blobs[0].test, 1U);
}

TEST_F(JobRequestTest, WithoutAnswersNothingIsCompared) {
  EXPECT_EQ(good(snake("'tests':[{}]")).submission.tests->check.kind, job::CheckKind::none);
}

TEST_F(JobRequestTest, ACheckerIsAProgramOfItsOwnRuntime) {
  const JobRequest request =
      good(snake("'tests':[{'stdin':'1'}],'check':{'kind':'program','program':{'runtime':'brew',"
                 "'files':[{'name':'Judge.brew','content':'j'}],'args':['strict'],"
                 "'limits':{'run':{'cpu_time_us':5000}}}}"));
  const job::Check& check = request.submission.tests->check;
  EXPECT_EQ(check.kind, job::CheckKind::program);
  ASSERT_TRUE(check.program);
  EXPECT_EQ(check.program->runtime->id, "brew");
  EXPECT_EQ(check.program->run_limits.processes, 77U) << "its own runtime's default";
  EXPECT_EQ(check.program->run_limits.cpu_time.count(), 5000);
  EXPECT_EQ(check.program->args, std::vector<std::string>{"strict"});
}

TEST_F(JobRequestTest, AnInteractorOutlivesItsProgramWithinTheBounds) {
  const auto wall_time_of = [&](const std::string& run, const std::string& interactor) {
    const JobRequest request = good(snake("'limits':{'run':" + run +
                                          "},'tests':[{}],'interactor':{'runtime':'snake',"
                                          "'files':[{'content':'i'}]" +
                                          interactor + "}"));
    return request.submission.tests->interactor->run_limits.wall_time.count();
  };
  EXPECT_EQ(wall_time_of("{'wall_time_us':60000000}", ""), 61'000'000);
  EXPECT_EQ(wall_time_of("{'wall_time_us':1000}", ""), 30'000'000) << "its own default is enough";
  EXPECT_EQ(wall_time_of("{'wall_time_us':120000000}", ""), 120'000'000) << "the server's bound";
  EXPECT_EQ(wall_time_of("{}", ",'limits':{'run':{'wall_time_us':2000}}"), 2000) << "as it says";
}

TEST_F(JobRequestTest, OutputThatIsKeptIsBoundedOverAllTests) {
  std::string tests = "{}";
  for (int i = 1; i < 500; ++i) tests += ",{}";
  EXPECT_EQ(good(snake("'tests':[" + tests + "]")).submission.tests->output_kept.bytes(), 65'536U);
  EXPECT_EQ(faults(snake("'output_kept_bytes':70000,'tests':[" + tests + "]")),
            "/output_kept_bytes out_of_bounds: for 500 tests it can be at most 67108\n");
  kitchen.settings.jobs.most_tests = 100'000;
  for (int i = 500; i < 100'000; ++i) tests += ",{}";
  EXPECT_EQ(good(snake("'tests':[" + tests + "]")).submission.tests->output_kept.bytes(), 335U);
}

TEST_F(JobRequestTest, AnUnnamedFileIsTheMainFile) {
  EXPECT_EQ(good("{'runtime':'brew','main':'Cup.brew','files':[{'content':''}]}")
                .submission.program.files[0]
                .name,
            "Cup.brew");
}

TEST_F(JobRequestTest, AKeyNarrowsLimitsAndPriority) {
  const auto bounds =
      parse_key_bounds(R"({"run":{"largest":{"cpu_time_us":3000,"memory_bytes":16777216}}})");
  ASSERT_TRUE(bounds) << bounds.error().what;
  KeyBounds own = *bounds;
  own.largest_priority = 5;
  key = &own;
  EXPECT_EQ(good(snake("")).submission.program.run_limits.cpu_time.count(), 3000);
  EXPECT_EQ(faults(snake("'limits':{'run':{'cpu_time_us':3001}},'priority':6")),
            "/limits/run/cpu_time_us limit_out_of_bounds: cpu_time_us is 3001; this key allows at "
            "most 3000\n"
            "/priority out_of_bounds: this key allows at most 5\n");
  EXPECT_EQ(good(snake("'priority':5")).priority, 5);
}

struct Row {
  std::string body;
  std::string faults;
};

std::ostream& operator<<(std::ostream& out, const Row& row) {
  return out << row.body;
}

TEST_F(JobRequestTest, EachFaultIsToldOnceAtItsPlace) {
  const std::string long_name(1025, 'n');
  const std::string word(128U << 10U, 'w');
  kitchen.settings.jobs.env = {"NAME", "MY_*"};
  const std::vector<Row> rows = {
      {"[]", " wrong_type: must be an object, not an array\n"},
      {"null", " wrong_type: must be an object, not null; leave out what is not meant\n"},

      {"{'files':[{'content':'x'}]}", "/runtime missing_field: must be given\n"},
      {"{'runtime':7,'files':[{'content':'x'}]}",
       "/runtime wrong_type: must be text, not a number\n"},
      {"{'runtime':'snak','files':[{'content':'x'}]}",
       "/runtime unknown_runtime: there is no runtime 'snak' here; did you mean 'snake'?\n"},
      {"{'runtime':'hid','files':[{'content':'x'}]}",
       "/runtime unknown_runtime: there is no runtime 'hid' here; known are absent, brew, broken, "
       "snake\n"},
      {"{'runtime':'absent','files':[{'content':'x'}]}",
       "/runtime runtime_unavailable: the runtime 'absent' is not installed on this server\n"},
      {"{'runtime':'broken','files':[{'content':'x'}]}",
       "/runtime runtime_unavailable: the runtime 'broken' is not in order on this server\n"},
      {snake("'version':'3.1'"),
       "/version unknown_runtime: there is no version '3.1' of 'snake' here; there is 3.11.2\n"},
      {snake("'version':3.11"), "/version wrong_type: must be text, not a number\n"},

      {snake("'lmits':{}"),
       "/lmits unknown_field: there is no field 'lmits' here; did you mean 'limits'?\n"},
      {snake("'stdin':null"),
       "/stdin wrong_type: must be text, or an object with content and encoding, or with blob\n"},

      {"{'runtime':'snake'}", "/files missing_field: files or archive must be given\n"},
      {files(""), "/files out_of_bounds: must have at least one file\n"},
      {"{'runtime':'snake','files':{}}", "/files wrong_type: must be an array, not an object\n"},
      {files("'x'"), "/files/0 wrong_type: must be an object, not text\n"},
      {files("{}"), "/files/0/content missing_field: must be given\n"},
      {files("{'content':1}"), "/files/0/content wrong_type: must be text, not a number\n"},
      {files("{'content':'a','executable':1}"),
       "/files/0/executable wrong_type: must be true or false, not a number\n"},
      {files("{'content':'a','encoding':'hex'}"),
       "/files/0/encoding invalid_value: 'hex' is no encoding; write \"utf8\" or \"base64\"\n"},
      {files("{'content':'a','encoding':'base64'}"),
       "/files/0/content invalid_value: base64: the length is not a multiple of 4; pad it with "
       "=\n"},
      {files("{'content':'a','mode':1}"),
       "/files/0/mode unknown_field: there is no field 'mode' here; known are name, content, "
       "encoding, executable\n"},
      {files("{'name':'a','content':''},{'content':''}"),
       "/files/1/name missing_field: must be given\n"},

      {files("{'name':'../x','content':''}"),
       "/files/0/name invalid_value: file name '../x' has a '.' or '..' component\n"},
      {files("{'name':'/abs','content':''}"),
       "/files/0/name invalid_value: file name '/abs' is absolute; name files relative to the "
       "program's folder\n"},
      {files("{'name':'a/../../b','content':''}"),
       "/files/0/name invalid_value: file name 'a/../../b' has a '.' or '..' component\n"},
      {files(R"({'name':'..\\x','content':''})"),
       "/files/0/name invalid_value: file name '..\\\\x' has a backslash; folders are separated by "
       "'/'\n"},
      {files(R"({'name':'a\u0000b','content':''})"),
       "/files/0/name invalid_value: file name 'a\\x00b' holds a control character\n"},
      {files("{'name':'.','content':''}"),
       "/files/0/name invalid_value: file name '.' has a '.' or '..' component\n"},
      {files("{'name':'','content':''}"), "/files/0/name invalid_value: file name '' is empty\n"},
      {files("{'name':'" + long_name + "','content':''}"),
       "/files/0/name invalid_value: file name '" + std::string(255, 'n') +
           "' is over 1024 bytes long\n"},
      {files("{'name':'a','content':''},{'name':'b','content':''},{'name':'a','content':''}"),
       "/files/2/name duplicate_name: 'a' is also the name of file 0\n"},
      {files("{'name':'readme','content':''},{'name':'README','content':''}"),
       "/files/1/name duplicate_name: 'README' and 'readme' differ only in capitals\n"},
      {files("{'name':'d/x/y','content':''},{'name':'D','content':''}"),
       "/files/0/name duplicate_name: 'd/x/y' lies in 'D', which is a file\n"},

      {snake("'main':'b'"), ""},
      {files("{'name':'a','content':''}],'main':['b'"),
       "/main wrong_type: must be text, not an array\n"},
      {files("{'name':'a','content':''}],'main':'b','args':["),
       "/main invalid_value: there is no file 'b' among files\n"},
      {files("{'name':'a','content':''}],'main':'../b','args':["),
       "/main invalid_value: file name '../b' has a '.' or '..' component\n"},
      {"{'runtime':'brew','files':[{'name':'9.brew','content':''}]}",
       "/files/0/name invalid_value: the main file '9.brew' must be named for what it defines: "
       "before the extension a letter or '_', then letters, digits and '_', in no folder\n"},
      {"{'runtime':'brew','main':'a.txt','files':[{'name':'b.brew','content':''},"
       "{'name':'a.txt','content':''}]}",
       "/main invalid_value: the main file 'a.txt' has no extension of this language: .brew\n"},
      {"{'runtime':'brew','files':[{'name':'b.brew','content':''},"
       "{'name':'@c.brew','content':''}]}",
       "/files invalid_value: the source '@c.brew' begins with '@': compilers take that for a list "
       "of options\n"},

      {"{'runtime':'snake','archive':'UEs='}",
       "/archive wrong_type: must be an object, not text\n"},
      {"{'runtime':'snake','archive':{}}",
       "/archive missing_field: must have one of content (base64) and blob (a digest)\n"},
      {"{'runtime':'snake','archive':{'content':'','blob':'" + kDigest + "'}}",
       "/archive conflict: must have one of content (base64) and blob (a digest)\n"},
      {"{'runtime':'snake','archive':{'content':'?'}}",
       "/archive/content invalid_value: base64: the length is not a multiple of 4; pad it with "
       "=\n"},
      {"{'runtime':'snake','archive':{'blob':'A'}}",
       "/archive/blob invalid_value: must be a SHA-256: 64 hexadecimal digits in lower case\n"},

      {snake("'args':'x'"), "/args wrong_type: must be an array, not text\n"},
      {snake("'args':['a',1]"), "/args/1 wrong_type: must be text, not a number\n"},
      {snake(R"('args':['a\u0000'])"), "/args/0 invalid_value: must not hold a NUL byte\n"},
      {snake("'args':['" + word + "']"),
       "/args/0 out_of_bounds: must be at most 131071 bytes long\n"},
      {snake("'env':[]"), "/env wrong_type: must be an object, not an array\n"},
      {snake("'env':{'NAME':1}"), "/env/NAME wrong_type: must be text, not a number\n"},
      {snake("'env':{'OTHER':''}"),
       "/env/OTHER invalid_value: 'OTHER' is no variable that a request may set here\n"},
      {snake("'env':{'MY_A=B/~':''}"),
       "/env/MY_A=B~1~0 invalid_value: 'MY_A=B/~' is no variable that a request may set here\n"},
      {snake(R"('env':{'MY_A':'\u0000'})"), "/env/MY_A invalid_value: must not hold a NUL byte\n"},

      {snake("'limits':[]"), "/limits wrong_type: must be an object, not an array\n"},
      {snake("'limits':{'rn':{}}"),
       "/limits/rn unknown_field: there is no field 'rn' here; did you mean 'run'?\n"},
      {snake("'limits':{'run':1}"), "/limits/run wrong_type: must be an object, not a number\n"},
      {snake("'limits':{'run':{'cpu_time':1}}"),
       "/limits/run/cpu_time unknown_field: 'cpu_time' is no limit; write cpu_time_us, a whole "
       "number\n"},
      {snake("'limits':{'run':{'cpu_time_us':0}}"),
       "/limits/run/cpu_time_us limit_out_of_bounds: cpu_time_us is 0; Retort allows at least "
       "1000\n"},
      {snake("'limits':{'run':{'cpu_time_us':-1}}"),
       "/limits/run/cpu_time_us limit_out_of_bounds: cpu_time_us must not be negative: -1\n"},
      {snake("'limits':{'run':{'cpu_time_us':1e6}}"),
       "/limits/run/cpu_time_us wrong_type: cpu_time_us must be a whole number below 2^63, without "
       "fraction or exponent\n"},
      {snake("'limits':{'run':{'cpu_time_us':18446744073709551615}}"),
       "/limits/run/cpu_time_us limit_out_of_bounds: cpu_time_us is beyond 2^63\n"},
      {snake("'limits':{'run':{'network':'full'}}"),
       "/limits/run/network invalid_value: network 'full' is neither none nor loopback\n"},
      {snake("'limits':{'compile':{'memory_bytes':9000000000000000}}"),
       "/limits/compile/memory_bytes limit_out_of_bounds: memory_bytes is 9000000000000000; this "
       "server allows at most 4294967296\n"},

      {snake("'stdin':{}"), "/stdin missing_field: must have one of content and blob\n"},
      {snake("'stdin':{'blob':'" + kDigest + "','content':''}"),
       "/stdin conflict: must have one of content and blob\n"},
      {snake("'stdin':{'blob':'" + kDigest + "','encoding':'utf8'}"),
       "/stdin/encoding conflict: goes with content, not with blob\n"},
      {snake("'stdin':{'blob':'XY'}"),
       "/stdin/blob invalid_value: must be a SHA-256: 64 hexadecimal digits in lower case\n"},

      {snake("'tests':[{}],'stdin':''"), "/stdin conflict: cannot be given beside tests\n"},
      {snake("'tests':[{}],'collect':['.']"), "/collect conflict: cannot be given beside tests\n"},
      {snake("'check':{'kind':'none'}"), "/check conflict: goes with tests\n"},
      {snake("'interactor':{}"), "/interactor conflict: goes with tests\n"},
      {snake("'stop_early':false"), "/stop_early conflict: goes with tests\n"},
      {snake("'parallel':1"), "/parallel conflict: goes with tests\n"},
      {snake("'output_kept_bytes':1"), "/output_kept_bytes conflict: goes with tests\n"},
      {snake("'tests':{}"), "/tests wrong_type: must be an array, not an object\n"},
      {snake("'tests':[]"),
       "/tests out_of_bounds: must have at least one test; leave it out for a single run\n"},
      {snake("'tests':[1]"), "/tests/0 wrong_type: must be an object, not a number\n"},
      {snake("'tests':[{'input':''}]"),
       "/tests/0/input unknown_field: there is no field 'input' here; known are name, stdin, "
       "expected_stdout, args\n"},
      {snake("'tests':[{'name':''}]"),
       "/tests/0/name out_of_bounds: must be 1 to 128 bytes long\n"},
      {snake("'tests':[{'args':[0]}]"), "/tests/0/args/0 wrong_type: must be text, not a number\n"},
      {snake("'tests':[{'stdin':{'content':'?','encoding':'base64'}}]"),
       "/tests/0/stdin/content invalid_value: base64: the length is not a multiple of 4; pad it "
       "with =\n"},
      {snake("'tests':[{}],'parallel':0"), "/parallel out_of_bounds: must be 1 to 4\n"},
      {snake("'tests':[{}],'parallel':1.0"),
       "/parallel wrong_type: must be a whole number below 2^63, without fraction or exponent\n"},
      {snake("'tests':[{}],'stop_early':'yes'"),
       "/stop_early wrong_type: must be true or false, not text\n"},
      {snake("'tests':[{}],'output_kept_bytes':-1"),
       "/output_kept_bytes out_of_bounds: must be 0 to 1048576\n"},

      {snake("'tests':[{}],'check':{}"), "/check/kind missing_field: must be given\n"},
      {snake("'tests':[{}],'check':{'kind':'token'}"),
       "/check/kind invalid_value: 'token' is no kind of check; did you mean 'tokens'?\n"},
      {snake("'tests':[{}],'check':{'kind':'exact'}"),
       "/tests/0/expected_stdout missing_field: must be given: the check compares with it\n"},
      {snake("'tests':[{'expected_stdout':''}],'check':{'kind':'none'}"),
       "/tests/0/expected_stdout conflict: is never looked at with the check \"none\"\n"},
      {snake("'tests':[{'expected_stdout':''}],'check':{'kind':'floats','tolerance':-1e-9}"),
       "/check/tolerance out_of_bounds: must not be negative\n"},
      {snake("'tests':[{'expected_stdout':''}],'check':{'kind':'floats','tolerance':'1'}"),
       "/check/tolerance wrong_type: must be a number\n"},
      {snake("'tests':[{'expected_stdout':''}],'check':{'kind':'exact','tolerance':1}"),
       "/check/tolerance conflict: goes with the kind \"floats\" alone\n"},
      {snake("'tests':[{}],'check':{'kind':'program'}"),
       "/check/program missing_field: must be given\n"},
      {snake("'tests':[{'expected_stdout':''}],'check':{'kind':'exact','program':{'runtime':"
             "'snake','files':[{'content':''}]}}"),
       "/check/program conflict: goes with the kind \"program\" alone\n"},
      {snake("'tests':[{}],'check':{'kind':'program','program':{'runtime':'snake','env':{},"
             "'files':[{'name':'a','content':''}]}}"),
       "/check/program/env unknown_field: there is no field 'env' here; known are runtime, "
       "version, files, archive, main, args, limits\n"},
      {snake("'tests':[{}],'check':{'kind':'program','program':{'runtime':'snake',"
             "'files':[{'name':'answer','content':''}]}}"),
       "/check/program/files/0/name duplicate_name: 'answer' is what the test's own files are "
       "named by\n"},
      {snake("'tests':[{}],'interactor':{'runtime':'snake','files':[{'content':'i'}],"
             "'limits':{'run':{'processes':0}}}"),
       "/interactor/limits/run/processes limit_out_of_bounds: processes is 0; Retort allows at "
       "least 1\n"},
      {snake("'tests':[{}],'interactor':{'runtime':'snake','files':[{'content':'i'}]},"
             "'check':{'kind':'program','program':{'runtime':'snake','files':[{'content':''}]}}"),
       "/check/kind conflict: the interactor judges already\n"},

      {snake("'collect':['../x']"),
       "/collect/0 invalid_value: file name '../x' has a '.' or '..' component\n"},
      {snake("'collect':['a','a']"), "/collect/1 duplicate_name: 'a' is there twice\n"},
      {snake("'collect':[1]"), "/collect/0 wrong_type: must be text, not a number\n"},
      {snake("'priority':101"), "/priority out_of_bounds: must be -100 to 100\n"},
      {snake("'cache':'no'"), "/cache wrong_type: must be true or false, not text\n"},
      {snake("'webhook':'https://example.org'"),
       "/webhook conflict: goes with POST /v1/jobs alone\n"},
  };
  // Some rows leave a bracket open, which files() closes.
  for (const Row& row : rows) {
    EXPECT_EQ(faults(row.body), row.faults) << row;
  }
}

TEST_F(JobRequestTest, AllFaultsOfABodyAreToldAtOnce) {
  EXPECT_EQ(
      faults("{'runtime':'nope','vresion':'1','files':[{'name':'../a','content':1},{'name':'b'}],"
             "'args':[1],'limits':{'run':{'memory':1,'processes':-1},'compile':{'stack_bytes':''}},"
             "'stdin':{'blob':'x'},'priority':1000,'cache':0,'collect':['/']}"),
      "/vresion unknown_field: there is no field 'vresion' here; did you mean 'version'?\n"
      "/runtime unknown_runtime: there is no runtime 'nope' here; known are absent, brew, broken, "
      "snake\n"
      "/files/0/name invalid_value: file name '../a' has a '.' or '..' component\n"
      "/files/0/content wrong_type: must be text, not a number\n"
      "/files/1/content missing_field: must be given\n"
      "/args/0 wrong_type: must be text, not a number\n"
      "/limits/compile/stack_bytes wrong_type: stack_bytes must be a whole number\n"
      "/limits/run/memory unknown_field: 'memory' is no limit; write memory_bytes, a whole number\n"
      "/limits/run/processes limit_out_of_bounds: processes must not be negative: -1\n"
      "/stdin/blob invalid_value: must be a SHA-256: 64 hexadecimal digits in lower case\n"
      "/collect/0 invalid_value: file name '/' is absolute; name files relative to the program's "
      "folder\n"
      "/priority out_of_bounds: must be -100 to 100\n"
      "/cache wrong_type: must be true or false, not a number\n");
}

TEST_F(JobRequestTest, BoundsOfTheSettingsHoldOverAllPrograms) {
  kitchen.settings.jobs.most_files = 2;
  kitchen.settings.jobs.files_bytes = ByteSize::of_bytes(10);
  kitchen.settings.jobs.most_tests = 1;
  EXPECT_EQ(faults(files("{'name':'a','content':''},{'name':'b','content':''},"
                         "{'name':'c','content':''}")),
            "/files out_of_bounds: this server takes at most 2 files of one job\n");
  EXPECT_EQ(
      faults(files("{'content':'12345678901'}")),
      "/files out_of_bounds: the files of one job have at most 10 bytes here, all together\n");
  EXPECT_EQ(faults(snake("'archive':{'content':'MTIzNDU2Nzg5MA=='}")),
            "/archive out_of_bounds: the files of one job have at most 10 bytes here, all "
            "together\n");
  EXPECT_EQ(faults(snake("'tests':[{},{}]")),
            "/tests out_of_bounds: this server takes at most 1 tests of one job\n");
  EXPECT_EQ(faults(snake("'tests':[{}],'interactor':{'runtime':'snake','files':["
                         "{'name':'a','content':'1'},{'name':'b','content':'123456789'}]}")),
            "/interactor/files out_of_bounds: this server takes at most 2 files of one job\n");
  EXPECT_EQ(faults(snake("'tests':[{}],'interactor':{'runtime':'snake','files':["
                         "{'content':'1234567890'}]}")),
            "/interactor/files out_of_bounds: the files of one job have at most 10 bytes here, all "
            "together\n");
}

TEST_F(JobRequestTest, ArgumentsAndVariablesTogetherAreWhatAProgramCanBeGiven) {
  const std::string words = "'" + std::string(120'000, 'w') + "'";
  std::string args = words;
  for (int i = 0; i < 7; ++i) args += "," + words;
  EXPECT_EQ(faults(snake("'args':[" + args + "]")), "");
  EXPECT_EQ(faults(snake("'args':[" + args + "],'env':{'A':" + words + "}")),
            "/env/A out_of_bounds: arguments and variables together are over 1048576 bytes, which "
            "no program can be given\n");
}

TEST_F(JobRequestTest, CellsLargerThanTheServerAreRefused) {
  kitchen.settings.queue.memory = 1_GiB;
  EXPECT_EQ(faults("{'runtime':'snake','files':[{'content':''}],'tests':[{}],"
                   "'limits':{'run':{'memory_bytes':1000000000}},'interactor':{'runtime':'snake',"
                   "'files':[{'content':''}]}}"),
            "/limits limit_out_of_bounds: the cells that run at one time may use 1536870912 bytes "
            "together; this server has 1073741824\n");
}

TEST_F(JobRequestTest, WebhooksAreForStoredJobsOfAServerThatCalls) {
  EXPECT_EQ(faults(snake("'webhook':'https://example.org'"), JobForm::stored),
            "/webhook conflict: this server calls nobody\n");
  kitchen.settings.webhooks.enabled = true;
  EXPECT_EQ(faults(snake("'webhook':'ftp://example.org'"), JobForm::stored),
            "/webhook invalid_value: must begin with http:// or https://\n");
}

TEST_F(JobRequestTest, AnInteractiveJobIsOneRunWithoutABlobAsInput) {
  EXPECT_EQ(good(snake("'stdin':'first'"), JobForm::interactive).submission.streams.stdin_text,
            "first");
  EXPECT_EQ(faults(snake("'stdin':{'blob':'" + kDigest + "'}"), JobForm::interactive),
            "/stdin/blob conflict: an interactive job's input is text, then messages\n");
  EXPECT_EQ(faults(snake("'tests':[{}]"), JobForm::interactive),
            "/tests conflict: an interactive job has no tests\n");
}

TEST_F(JobRequestTest, PlacesAreThoseInWhatTheClientSent) {
  const Path whole;
  const Path jobs = whole.at("jobs");
  const auto parsed = parse_job_request(
      json_of("{}"), kitchen.settings, kitchen.offers, nullptr, JobForm::run, jobs.at(3));
  ASSERT_FALSE(parsed);
  EXPECT_EQ(text_of(parsed.error()),
            "/jobs/3/runtime missing_field: must be given\n"
            "/jobs/3/files missing_field: files or archive must be given\n");
}

TEST_F(JobRequestTest, AHostileBodyDoesNotBecomeAHundredTimesItsSize) {
  std::string body = "{'runtime':'snake','files':[{'content':''}]";
  for (int i = 0; i < 5000; ++i) body += ",'f" + std::to_string(i) + "':0";
  const auto parsed = parse(body + ",'" + std::string(1U << 20U, 'k') + "':0}");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().list().size(), Faults::kMost);
  EXPECT_EQ(parsed.error().count(), 5001U);
  EXPECT_LT(text::compact(to_json(problem_of(parsed.error()))).size(), 100'000U);
}

job::Input file_with(std::string_view content) {
  base::Fd file(::memfd_create("blob", MFD_CLOEXEC));
  EXPECT_EQ(::write(file.get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  return {.text = {}, .file = std::make_shared<const base::Fd>(std::move(file))};
}

TEST_F(JobRequestTest, BlobsGoWhereTheyWereNamed) {
  const std::string blob = "{'blob':'" + kDigest + "'}";
  const std::string program = "{'runtime':'snake','archive':" + blob + "}";
  const auto places = [](const JobRequest& request) {
    std::vector<std::pair<std::string, BlobPlace>> found;
    for (const BlobUse& use : request.blobs) found.emplace_back(use.pointer, use.place);
    return found;
  };
  using enum BlobPlace;
  using Places = std::vector<std::pair<std::string, BlobPlace>>;

  JobRequest single = good("{'runtime':'snake','archive':" + blob + ",'stdin':" + blob + "}");
  EXPECT_EQ(places(single), (Places{{"/archive/blob", archive}, {"/stdin/blob", input}}));
  EXPECT_TRUE(single.blobs[0].is_archive());
  EXPECT_FALSE(single.blobs[1].is_archive());
  ASSERT_TRUE(put_blob(single.submission, single.blobs[0], file_with("zip")));
  EXPECT_TRUE(single.submission.program.archive->file);
  ASSERT_TRUE(put_blob(single.submission, single.blobs[1], file_with("typed")));
  job::StageStreams& streams = single.submission.streams;
  std::string read(16, '\0');
  read.resize(static_cast<std::size_t>(::read(streams.stdin_source, read.data(), read.size())));
  EXPECT_EQ(read, "typed");
  streams.stdin_ended();
  EXPECT_EQ(::read(streams.stdin_source, read.data(), 1), -1) << "it is closed";

  JobRequest tested = good("{'runtime':'snake','archive':" + blob +
                           ",'tests':[{},{'stdin':" + blob + ",'expected_stdout':" + blob +
                           "}],'check':{'kind':'program'," + "'program':" + program + "}}");
  EXPECT_EQ(places(tested),
            (Places{{"/archive/blob", archive},
                    {"/tests/1/stdin/blob", test_input},
                    {"/tests/1/expected_stdout/blob", test_answer},
                    {"/check/program/archive/blob", checker_archive}}));
  for (const BlobUse& use : tested.blobs) {
    ASSERT_TRUE(put_blob(tested.submission, use, file_with("x")));
  }
  const job::TestSet& tests = *tested.submission.tests;
  EXPECT_TRUE(tests.check.program->archive->file);
  EXPECT_TRUE(tests.cases[1].input.file);
  EXPECT_TRUE(tests.cases[1].answer->file);

  JobRequest joined = good(snake("'tests':[{}],'interactor':" + program));
  EXPECT_EQ(places(joined), (Places{{"/interactor/archive/blob", interactor_archive}}));
  ASSERT_TRUE(put_blob(joined.submission, joined.blobs[0], file_with("x")));
  EXPECT_TRUE(joined.submission.tests->interactor->archive->file);
}

TEST_F(JobRequestTest, NoFaultTellsAPathOfThisHost) {
  for (const char* const runtime : {"absent", "broken", "hidden"}) {
    const std::string told =
        faults("{'runtime':'" + std::string(runtime) + "','files':[{'content':''}]}");
    EXPECT_FALSE(told.empty());
    for (const char* const secret : {"/nowhere", "kitchen", "apt-get", "toml"}) {
      EXPECT_FALSE(told.contains(secret)) << told;
    }
  }
}

}  // namespace
}  // namespace retort::api
