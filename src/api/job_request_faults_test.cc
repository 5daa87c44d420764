// Tests of job_request.h: each kind of fault is told once, at its place, beside all others.
#include <vector>

#include "api/job_request.h"
#include "api/problem.h"
#include "api/request_test_support.h"

namespace retort::api {
namespace {

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

TEST_F(JobRequestTest, AnArchiveIsRefusedWhereNothingUnpacksIt) {
  const std::string body = "{'runtime':'snake','archive':{'content':'aGVsbG8='}}";
  EXPECT_EQ(faults(body), "");
  kitchen.make_offers(false);
  EXPECT_EQ(faults(body),
            "/archive archives_unavailable: this server cannot unpack archives; send files, or ask "
            "its operator to install libarchive-tools\n");
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

TEST_F(JobRequestTest, AHostileBodyDoesNotBecomeAHundredTimesItsSize) {
  std::string body = "{'runtime':'snake','files':[{'content':''}]";
  for (int i = 0; i < 5000; ++i) body += ",'f" + std::to_string(i) + "':0";
  const auto parsed = parse(body + ",'" + std::string(1U << 20U, 'k') + "':0}");
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().list().size(), Faults::kMost);
  EXPECT_EQ(parsed.error().count(), 5001U);
  EXPECT_LT(text::compact(to_json(problem_of(parsed.error()))).size(), 100'000U);
}

TEST_F(JobRequestTest, AThousandUnknownLimitsAreCountedAndAHundredTold) {
  std::string limits = "'cpu_time_us':0";
  for (int i = 0; i < 1000; ++i) limits += ",'l" + std::to_string(i) + "':0";
  const auto parsed = parse(snake("'limits':{'run':{" + limits + "}}"));
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().list().size(), Faults::kMost);
  EXPECT_GE(parsed.error().count(), 1000U);
  EXPECT_EQ(parsed.error().list()[0].pointer, "/limits/run/l0");
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
