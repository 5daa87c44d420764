// Tests of job_request.h: what is meant arrives where it belongs, narrowed by key, settings and
// form.
#include "api/job_request.h"

#include <sys/mman.h>
#include <unistd.h>

#include <utility>
#include <vector>

#include "api/request_test_support.h"
#include "job/submission.h"
#include "text/encodings.h"

namespace retort::api {
namespace {

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

}  // namespace
}  // namespace retort::api
