// Command line: the only place that includes CLI11.
#include "cli/command_line.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "api/settings_page.h"
#include "base/bytes.h"
#include "cell/limits.h"
#include "cli/commands.h"
#include "cli/config.h"
#include "cli/key.h"
#include "cli/serve.h"
#include "text/nearest.h"

namespace retort::cli {
namespace {

// Every limit with its default in each stage and its bounds, as the user would type them.
std::string limits_table() {
  std::string text;
  const auto row = [&](const std::array<std::string_view, 5>& cells, std::string_view last) {
    constexpr std::array<std::size_t, 5> kWidths = {13, 10, 10, 8, 10};
    text += "  ";
    for (std::size_t i = 0; i < cells.size(); ++i) {
      std::string cell(cells.at(i));
      cell.resize(std::max(cell.size() + 1, kWidths.at(i)), ' ');
      text += cell;
    }
    text.append(last).append("\n");
  };
  row({"name", "run", "compile", "from", "to"}, "meaning");
  const cell::Limits run;
  const cell::Limits compile = cell::compile_defaults();
  for (const cell::LimitInfo& info : cell::limit_infos()) {
    // The stack has no number of its own, but follows memory.
    const bool follows = info.limit == cell::Limit::stack;
    row({info.name,
         follows ? "= memory" : cell::limit_text(run, info.limit),
         follows ? "= memory" : cell::limit_text(compile, info.limit),
         info.smallest,
         info.largest},
        info.meaning);
  }
  return text;
}

std::string limits_help() {
  std::string text =
      "\nWhat follows -- are the program's arguments: retort run FILE… -- ARG…\n\nLimits (--limit "
      "and --compile-limit NAME=VALUE), the defaults of each stage and the bounds:\n";
  text += limits_table();
  text +=
      "\nTimes are written as 2s or 250ms, sizes as 256MiB or 64KiB, counts as plain numbers.\n"
      "network is none or loopback. A runtime may set other defaults: retort runtime info ID\n"
      "\nExit codes: the program's own; 128 + signal when a signal ended it, or Ctrl-C the run; "
      "124 "
      "for a\n"
      "time limit, 137 for memory, 153 for output or disk; 65 when it does not compile; 64 when "
      "the "
      "command\n"
      "line is wrong, or names a file or language that is not here; 125 when Retort or this host "
      "failed.\n"
      "With --json 0 whenever a result was reached, 125 when it is internal_error; 128 + signal "
      "after\n"
      "Ctrl-C.\n"
      "\nWith --host the program runs on a server, with this terminal's streams all the same. The "
      "key is\n"
      "$RETORT_KEY or the file ~/.config/retort/key (mode 0600). 125 as well when the server "
      "refuses.\n"
      "\nExamples:\n"
      "  retort run examples/hello.py\n"
      "  retort run --limit cpu_time=2s --limit memory=64MiB --stdin numbers.txt sum.cpp -- "
      "--verbose\n"
      "  retort run -l java --json src/\n";
  return text;
}

// One NAME=VALUE each time, as often as it is given.
void add_setting(CLI::App& app,
                 const std::string& name,
                 std::vector<std::string>& values,
                 const std::string& description) {
  app.add_option(name, values, description)
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

void add_unenforced(CLI::App& app, std::vector<std::string>& names) {
  app.add_option(
         "--allow-unenforced", names, "Go without these limits where the host cannot enforce them")
      ->delimiter(',')
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("NAME,...")
      ->allow_extra_args(false);
}

void add_run(CLI::App& app, RunOptions& options) {
  app.add_option("-l,--language",
                 options.language,
                 "Runtime: LANG or LANG@VERSION; by default from the file's name")
      ->type_name("LANG")
      ->check([](const std::string& name) { return name.empty() ? "names no language" : ""; }, "");
  app.add_option("files", options.files, "Source files, the main one first, or one folder")
      ->required()
      ->type_name("FILE");
  app.add_option("--stdin",
                 options.stdin_file,
                 "Read the program's stdin from a file; without it, stdin is passed through")
      ->type_name("FILE");
  app.add_option(
         "-o,--output",
         options.output_folder,
         "Put the files that the program wrote into this folder, over files of the same name")
      ->type_name("DIR");
  add_setting(app, "--limit", options.limits, "Set one limit of the run stage; may be given again");
  add_setting(app,
              "--compile-limit",
              options.compile_limits,
              "Set one limit of the compile stage; may be given again");
  add_unenforced(app, options.allow_unenforced);
  app.add_option("--host",
                 options.host,
                 "Run it on a server: http://HOST:PORT, https://HOST or unix:/PATH; by default "
                 "$RETORT_HOST")
      ->type_name("URL");
  app.add_flag("--json",
               options.json,
               "Print the whole result as JSON instead of passing the streams through");
  app.footer(limits_help());
}

void add_config(CLI::App& app, ConfigOptions& options) {
  app.add_option("--config",
                 options.file,
                 "Settings file; by default /etc/retort/retort.toml, or for others than root "
                 "$XDG_CONFIG_HOME/retort/retort.toml where there is one")
      ->type_name("FILE");
  app.add_option("--set", options.sets, "Set one key, as in queue.slots=2; may be given again")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  app.footer(
      "\nA value comes from the first of --set, the environment (RETORT_QUEUE_SLOTS for "
      "queue.slots),\nthe file, the default. The keys:\n" +
      api::settings_help());
}

void add_key(CLI::App& app, KeyOptions& options) {
  app.add_option("--name", options.name, "For people")->required()->type_name("NAME");
  app.add_option("--scope", options.scopes, "What it may do: run, read, manage; default run,read")
      ->delimiter(',')
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->type_name("SCOPE,...")
      ->allow_extra_args(false);
  app.add_option("--bounds",
                 options.bounds,
                 "Limits that its jobs must keep within, as JSON or a file of it: "
                 "{\"run\": {\"largest\": {\"cpu_time_us\": 1000000}}}")
      ->type_name("JSON");
  app.add_option("--rate", options.rate, "Requests a minute")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  app.add_option("--parallel", options.parallel, "Jobs waiting and running at one time")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  app.add_option("--expires", options.expires, "How long it is good for, as in 720h")
      ->type_name("TIME");
  app.add_flag("--json", options.json, "As JSON");
  add_config(app, options.config);
}

void add_serve(CLI::App& app, ServeOptions& options) {
  app.add_option("--listen",
                 options.listen,
                 "Address and port, as in 127.0.0.1:8080 or [::1]:8080; may be given again")
      ->type_name("ADDR")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
  add_unenforced(app, options.allow_unenforced);
  add_config(app, options.config);
}

// The first word that should name a command of `app` and does not, told on stderr. CLI11 would only
// say that a command is missing.
bool is_command_unknown(const CLI::App& app, std::span<const std::string> words) {
  if (words.empty() || words.front().starts_with('-')) return false;
  std::vector<std::string> names;
  for (const CLI::App* known : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (known->get_name() == words.front()) return is_command_unknown(*known, words.subspan(1));
    names.push_back(known->get_name());
  }
  if (names.empty()) return false;  // what follows are the command's own words
  std::fprintf(stderr,
               "retort: no command '%s'%s\n",
               base::printable(words.front()).c_str(),
               text::suggestion(words.front(), names).c_str());
  return true;
}

// CLI11 takes a word in brackets, where it may be one of many, for a list: a file of that name is
// one file. The value of an option is left alone, since it is one word anyway.
void mark_names_in_brackets(const CLI::App& run, std::span<std::string> words) {
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (!words[i].starts_with('[') || !words[i].ends_with(']')) continue;
    const CLI::Option* before = run.get_option_no_throw(words[i - 1]);
    if (before == nullptr || before->get_items_expected_max() == 0) words[i].insert(0, "./");
  }
}

}  // namespace

int run_command_line(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  // What follows "--" is the program's and no option of ours.
  std::vector<std::string> program_args;
  if (const auto dashes = std::ranges::find(words, "--"); dashes != words.end()) {
    program_args.assign(dashes + 1, words.end());
    words.erase(dashes, words.end());
  }

  CLI::App app("Retort runs other people's code in a cell that can see and touch nothing else.",
               "retort");
  app.set_version_flag("--version", std::string("retort ") + RETORT_VERSION);
  app.require_subcommand(1);
  std::function<int()> command;

  RunOptions run_options;
  auto* run_command = app.add_subcommand("run", "Run a program in a cell");
  add_run(*run_command, run_options);
  run_command->callback([&] {
    run_options.args = program_args;
    command = [&] { return run(run_options); };
  });

  RuntimeOptions runtime_options;
  auto* runtime = app.add_subcommand("runtime", "The languages: which are here, and how they run");
  runtime->require_subcommand(1);
  auto* list = runtime->add_subcommand("ls", "List the runtimes, and why one is not available");
  list->add_flag("--json", runtime_options.json, "As JSON");
  list->callback([&] { command = [&] { return runtime_ls(runtime_options); }; });
  auto* info = runtime->add_subcommand("info", "Show one runtime: version, commands, limits");
  info->add_option("id", runtime_options.id, "Runtime")->required()->type_name("ID");
  info->add_flag("--json", runtime_options.json, "As JSON");
  info->callback([&] { command = [&] { return runtime_info(runtime_options); }; });
  auto* test = runtime->add_subcommand("test", "Run a runtime's samples (or all) and compare");
  test->add_option("id", runtime_options.id, "Runtime")->type_name("ID");
  test->callback([&] { command = [&] { return runtime_test(runtime_options); }; });

  DoctorOptions doctor_options;
  auto* doctor_command = app.add_subcommand(
      "doctor", "What this host can enforce, what not, and the command that mends it");
  doctor_command->add_flag("--json", doctor_options.json, "As JSON");
  doctor_command->callback([&] { command = [&] { return doctor(doctor_options); }; });

  ServeOptions serve_options;
  auto* serve_command = app.add_subcommand("serve", "Answer requests over HTTP and WebSocket");
  add_serve(*serve_command, serve_options);
  serve_command->callback([&] { command = [&] { return serve(serve_options); }; });

  KeyOptions key_options;
  auto* key = app.add_subcommand("key", "API keys of the server");
  key->require_subcommand(1);
  auto* make_key = key->add_subcommand("create", "Make a key, and print it once");
  add_key(*make_key, key_options);
  make_key->callback([&] { command = [&] { return key_create(key_options); }; });
  auto* list_keys = key->add_subcommand("ls", "List the keys, without their secrets");
  add_config(*list_keys, key_options.config);
  list_keys->add_flag("--json", key_options.json, "As JSON");
  list_keys->callback([&] { command = [&] { return key_ls(key_options); }; });
  auto* revoke_key = key->add_subcommand("revoke", "Make a key useless, for good");
  add_config(*revoke_key, key_options.config);
  revoke_key->add_option("id", key_options.id, "Key")->required()->type_name("ID");
  revoke_key->callback([&] { command = [&] { return key_revoke(key_options); }; });

  ConfigOptions config_options;
  auto* config = app.add_subcommand("config", "The server's settings, and where they come from");
  config->require_subcommand(1);
  auto* show = config->add_subcommand("show", "Every key with its value and its source, as TOML");
  add_config(*show, config_options);
  show->add_flag("--json", config_options.json, "As JSON");
  show->callback([&] { command = [&] { return config_show(config_options); }; });
  auto* check = config->add_subcommand("check", "Every fault of the settings, without a start");
  add_config(*check, config_options);
  check->callback([&] { command = [&] { return config_check(config_options); }; });
  auto* example =
      config->add_subcommand("example", "A settings file with every key, commented out");
  example->callback([&] { command = [] { return config_example(); }; });
  auto* reference = config->add_subcommand("reference", "Every key as a table in Markdown");
  reference->callback([&] { command = [] { return config_reference(); }; });

  BenchOptions bench_options;
  auto* bench_command =
      app.add_subcommand("bench", "What a cell costs on this machine, next to a bare process");
  bench_command->add_option("--runs", bench_options.runs, "Runs of each quick case")
      ->check(CLI::Range(1, 100'000));
  bench_command->add_option("--compile-runs", bench_options.compile_runs, "Runs of the C++ compile")
      ->check(CLI::Range(1, 10'000));
  bench_command->add_flag("--json", bench_options.json, "As JSON");
  bench_command->callback([&] { command = [&] { return bench(bench_options); }; });

  SelftestOptions selftest_options;
  auto* selftest_command = app.add_subcommand(
      "selftest", "Run hostile programs in cells of this host and see that they lose; as root");
  selftest_command
      ->add_option("id", selftest_options.ids, "Attacks (A01) or classes (A); by default all")
      ->type_name("ID");
  selftest_command->add_flag(
      "!--no-neighbour", selftest_options.neighbour, "Without an honest job beside each attack");
  selftest_command
      ->add_option("--against",
                   selftest_options.against,
                   "Run what makes sense there in another sandbox: bwrap, nsjail or runc")
      ->type_name("TOOL");
  selftest_command->add_flag("--list", selftest_options.list, "List the attacks");
  selftest_command->add_flag("--json", selftest_options.json, "As JSON");
  selftest_command->callback([&] { command = [&] { return selftest(selftest_options); }; });

  if (is_command_unknown(app, words)) return kUsage;
  if (!words.empty() && words.front() == "run") mark_names_in_brackets(*run_command, words);
  try {
    std::ranges::reverse(words);  // CLI11 takes them from the back
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : kUsage;
  }
  if (!program_args.empty() && !run_command->parsed()) {
    std::fprintf(stderr, "retort: only `retort run` takes arguments after --\n");
    return kUsage;
  }
  return command();
}

int complain(const base::Error& error, int code) {
  std::fprintf(stderr, "retort: %s\n", error.what.c_str());
  return code;
}

}  // namespace retort::cli
