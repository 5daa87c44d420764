// Request tests: test cases, how they are judged, and the members that mean something only with
// them.
#include <algorithm>
#include <array>
#include <utility>

#include "api/request_parts.h"
#include "text/nearest.h"

namespace retort::api {

namespace json = text::json;

namespace {

constexpr std::array<std::string_view, 4> kTestFields = {
    "name", "stdin", "expected_stdout", "args"};
constexpr std::array<std::string_view, 3> kCheckFields = {"kind", "tolerance", "program"};
constexpr std::array<std::string_view, 3> kInputFields = {"content", "encoding", "blob"};

// Members that are about tests.
constexpr std::array<std::string_view, 5> kOfTests = {
    "check", "interactor", "parallel", "stop_early", "output_kept_bytes"};

struct KindInfo {
  std::string_view name;
  job::CheckKind kind;
};
constexpr std::array<KindInfo, 5> kKinds = {{{"none", job::CheckKind::none},
                                             {"exact", job::CheckKind::exact},
                                             {"tokens", job::CheckKind::tokens},
                                             {"floats", job::CheckKind::floats},
                                             {"program", job::CheckKind::program}}};

bool compares(job::CheckKind kind) {
  return kind == job::CheckKind::exact || kind == job::CheckKind::tokens ||
         kind == job::CheckKind::floats;
}

job::TestCase read_test(Reading& reading,
                        const json::value& value,
                        std::size_t index,
                        const Path& path) {
  job::TestCase test{.name = std::to_string(index + 1), .input = {}, .answer = {}, .args = {}};
  reading.hold(sizeof(test));
  if (!is_object(value, path, reading.faults)) return test;
  const ObjectReader object(value.get_object(), path, reading.faults, kTestFields);
  if (const auto name = object.text("name")) {
    test.name = *name;
    if (name->empty() || name->size() > kLongestTestName) {
      reading.fault(path.at("name"),
                    FaultCode::out_of_bounds,
                    "must be 1 to " + std::to_string(kLongestTestName) + " bytes long");
    }
  }
  if (const json::value* const input = object.find("stdin")) {
    const BlobUse use{.sha256 = {}, .pointer = {}, .place = BlobPlace::test_input, .test = index};
    if (auto read = read_input(reading, *input, path.at("stdin"), use))
      test.input = *std::move(read);
  }
  if (const json::value* const answer = object.find("expected_stdout")) {
    const BlobUse use{.sha256 = {}, .pointer = {}, .place = BlobPlace::test_answer, .test = index};
    test.answer = read_input(reading, *answer, path.at("expected_stdout"), use);
  }
  if (const json::array* const args = object.array("args")) {
    WordCount words;
    test.args = read_words(reading, *args, path.at("args"), words);
  }
  return test;
}

void read_cases(Reading& reading, const json::array& array, const Path& path, job::TestSet& set) {
  const std::size_t most = reading.settings.jobs.most_tests;
  if (array.empty()) {
    reading.fault(path,
                  FaultCode::out_of_bounds,
                  "must have at least one test; leave it out for a single run");
  }
  if (array.size() > most) {
    reading.fault(path,
                  FaultCode::out_of_bounds,
                  "this server takes at most " + std::to_string(most) + " tests of one job");
  }
  const std::size_t count = std::min(array.size(), most);
  set.cases.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    set.cases.push_back(read_test(reading, array[i], i, path.at(i)));
  }
}

std::optional<job::CheckKind> read_kind(Reading& reading,
                                        const ObjectReader& object,
                                        const Path& path) {
  const auto text = object.need_text("kind");
  if (!text) return std::nullopt;
  const auto* const found = std::ranges::find(kKinds, *text, &KindInfo::name);
  if (found != kKinds.end()) return found->kind;
  std::vector<std::string> known;
  for (const KindInfo& info : kKinds) known.emplace_back(info.name);
  reading.fault(path.at("kind"),
                FaultCode::invalid_value,
                shown(*text) + " is no kind of check" + text::suggestion(*text, known));
  return std::nullopt;
}

void read_tolerance(Reading& reading,
                    const json::value& value,
                    const Path& path,
                    double& tolerance) {
  if (!value.is_number()) {
    reading.fault(path, FaultCode::wrong_type, "must be a number");
    return;
  }
  tolerance = value.to_number<double>();
  if (tolerance < 0) reading.fault(path, FaultCode::out_of_bounds, "must not be negative");
}

// A checker or an interactor; `program_time` as read_program_limits takes it.
job::Program read_judge(Reading& reading,
                        const json::object& object,
                        const Path& path,
                        Role role,
                        base::Duration program_time) {
  const std::vector<std::string_view> fields(kProgramFields);
  const ObjectReader reader(object, path, reading.faults, fields);
  WordCount words;
  job::Program program = read_program(reading, reader, path, role, words);
  read_program_limits(reading, reader, path, program, program_time);
  return program;
}

void read_check(Reading& reading, const json::object& check, const Path& path, job::TestSet& set) {
  const ObjectReader object(check, path, reading.faults, kCheckFields);
  const auto kind = read_kind(reading, object, path);
  if (kind) set.check.kind = *kind;
  if (const json::value* const tolerance = object.find("tolerance")) {
    const Path place = path.at("tolerance");
    if (kind && kind != job::CheckKind::floats) {
      reading.fault(place, FaultCode::conflict, R"(goes with the kind "floats" alone)");
    } else {
      read_tolerance(reading, *tolerance, place, set.check.tolerance);
    }
  }
  if (kind == job::CheckKind::program) {
    if (object.need("program") == nullptr) return;
  } else if (kind && object.has("program")) {
    reading.fault(path.at("program"), FaultCode::conflict, R"(goes with the kind "program" alone)");
  }
  if (const json::object* const program = object.object("program")) {
    set.check.program = read_judge(reading, *program, path.at("program"), Role::checker, {});
  }
}

// What was asked for must be done: an answer that nobody looks at, or a comparison with nothing, is
// a test that passes by mistake.
void check_answers(Reading& reading, const Path& path, bool has_check, const job::TestSet& set) {
  const bool has_judge = set.check.kind == job::CheckKind::program || set.interactor;
  if (!has_check || has_judge) return;
  const Path tests = path.at("tests");
  for (std::size_t i = 0; i < set.cases.size(); ++i) {
    const bool has_answer = set.cases[i].answer.has_value();
    if (has_answer == compares(set.check.kind)) continue;
    const Path test = tests.at(i);
    if (has_answer) {
      reading.fault(test.at("expected_stdout"),
                    FaultCode::conflict,
                    R"(is never looked at with the check "none")");
    } else {
      reading.fault(test.at("expected_stdout"),
                    FaultCode::missing_field,
                    "must be given: the check compares with it");
    }
  }
}

void read_kept(Reading& reading, const ObjectReader& object, const Path& path, job::TestSet& set) {
  const std::uint64_t streams = 2 * std::max<std::uint64_t>(set.cases.size(), 1);
  const std::uint64_t most = std::min(kLargestKept, kMostKept / streams);
  std::uint64_t kept = std::min(kDefaultKept, most);
  if (const auto asked = object.whole("output_kept_bytes", 0, kLargestKept)) {
    kept = static_cast<std::uint64_t>(*asked);
    if (kept > most) {
      reading.fault(path.at("output_kept_bytes"),
                    FaultCode::out_of_bounds,
                    "for " + std::to_string(set.cases.size()) + " tests it can be at most " +
                        std::to_string(most));
    }
  }
  set.output_kept = base::ByteSize::of_bytes(kept);
}

}  // namespace

std::optional<job::Input> read_input(Reading& reading,
                                     const json::value& value,
                                     const Path& path,
                                     const BlobUse& use) {
  if (const json::string* const text = value.if_string()) {
    reading.hold(text->size());
    return job::Input{.text = std::string(std::string_view(*text)), .file = nullptr};
  }
  if (!value.is_object()) {
    reading.fault(path,
                  FaultCode::wrong_type,
                  "must be text, or an object with content and encoding, or with blob");
    return std::nullopt;
  }
  const ObjectReader object(value.get_object(), path, reading.faults, kInputFields);
  if (object.has("content") == object.has("blob")) {
    reading.fault(path,
                  object.has("blob") ? FaultCode::conflict : FaultCode::missing_field,
                  "must have one of content and blob");
    return std::nullopt;
  }
  if (object.has("blob")) {
    if (object.has("encoding")) {
      reading.fault(path.at("encoding"), FaultCode::conflict, "goes with content, not with blob");
    }
    if (use.place == BlobPlace::input && reading.form == JobForm::interactive) {
      reading.fault(path.at("blob"),
                    FaultCode::conflict,
                    "an interactive job's input is text, then messages");
    } else if (const auto digest = object.text("blob")) {
      read_blob(reading, *digest, path.at("blob"), use);
    }
    return job::Input{};
  }
  auto content = read_content(reading, object, path);
  if (!content) return std::nullopt;
  reading.hold(content->size());
  return job::Input{.text = *std::move(content), .file = nullptr};
}

void read_tests(Reading& reading, const ObjectReader& object, const Path& path) {
  if (!object.has("tests")) {
    for (const std::string_view name : kOfTests) {
      if (object.has(name)) reading.fault(path.at(name), FaultCode::conflict, "goes with tests");
    }
    return;
  }
  for (const std::string_view name : {"stdin", "collect"}) {
    if (object.has(name)) {
      reading.fault(path.at(name), FaultCode::conflict, "cannot be given beside tests");
    }
  }
  if (reading.form == JobForm::interactive) {
    reading.fault(path.at("tests"), FaultCode::conflict, "an interactive job has no tests");
  }

  job::TestSet set;
  const json::array* const tests = object.array("tests");
  const Path tests_path = path.at("tests");
  if (tests != nullptr) read_cases(reading, *tests, tests_path, set);
  const bool has_answers = std::ranges::any_of(
      set.cases, [](const job::TestCase& test) { return test.answer.has_value(); });
  if (has_answers && !object.has("interactor")) set.check.kind = job::CheckKind::tokens;

  const json::object* const check = object.object("check");
  if (check != nullptr) read_check(reading, *check, path.at("check"), set);
  if (const json::object* const interactor = object.object("interactor")) {
    set.interactor = read_judge(reading,
                                *interactor,
                                path.at("interactor"),
                                Role::interactor,
                                reading.request.submission.program.run_limits.wall_time);
    if (check != nullptr && set.check.kind != job::CheckKind::none) {
      const Path place = path.at("check");
      reading.fault(place.at("kind"), FaultCode::conflict, "the interactor judges already");
    }
  }
  const auto most = static_cast<std::int64_t>(reading.settings.jobs.parallel_tests);
  set.parallel = static_cast<unsigned>(object.whole("parallel", 1, most).value_or(1));
  set.stop_early = object.flag("stop_early").value_or(false);
  read_kept(reading, object, path, set);
  check_answers(reading, path, check != nullptr, set);
  reading.request.submission.tests = std::move(set);
}

}  // namespace retort::api
