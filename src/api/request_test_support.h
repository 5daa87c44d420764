// Request test support: a catalogue of made-up runtimes, bodies and their faults as text.
#pragma once

#include <unistd.h>

#include <expected>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "api/faults.h"
#include "api/job_request.h"
#include "api/offers.h"
#include "api/settings.h"
#include "runtime/catalogue.h"
#include "text/json.h"

namespace retort::api {

// snake runs as it is; brew compiles, and names its class by the file; absent is not installed;
// hidden is switched off.
class Kitchen {
 public:
  Kitchen() : folder_(std::filesystem::path(testing::TempDir()) / unique_name()) {
    add("snake",
        "name = 'Snake'\naliases = ['sn']\nextensions = ['sn']\nneeds = ['/dev/null']\n"
        "main = 'main.sn'\n[run]\ncommand = ['/usr/bin/env', '{main}', '{args}']\n");
    add("brew",
        "name = 'Brew'\nextensions = ['brew']\nneeds = ['/dev/null']\nmain = 'Main.brew'\n"
        "[compile]\ncommand = ['/usr/bin/env', '{sources}']\nartefacts = ['out']\n"
        "[run]\ncommand = ['/usr/bin/env', '{stem}']\n[run.limits]\nprocesses = 77\n");
    add("absent",
        "name = 'Absent'\nextensions = ['abs']\nneeds = ['/nowhere/bin/absent']\n"
        "packages = ['absent-dev']\nmain = 'main.abs'\n[run]\ncommand = ['/nowhere/bin/absent', "
        "'{main}']\n");
    add("hidden",
        "name = 'Hidden'\naliases = ['hid']\nextensions = ['hid']\nneeds = ['/dev/null']\n"
        "main = 'main.hid'\n[run]\ncommand = ['/usr/bin/env', '{main}']\n");
    add("broken", "name = 7\n");
    settings.runtimes["hidden"].enabled = false;
    auto loaded = runtime::Catalogue::load({folder_.string()});
    EXPECT_TRUE(loaded) << loaded.error().what;
    if (loaded) catalogue = *std::move(loaded);
    for (const auto& entry : catalogue.entries()) {
      EXPECT_EQ(entry.is_broken(), entry.manifest.id == "broken") << entry.faults;
    }
    make_offers(true);
  }
  Kitchen(const Kitchen&) = delete;
  Kitchen& operator=(const Kitchen&) = delete;
  ~Kitchen() { std::filesystem::remove_all(folder_); }

  void make_offers(bool can_unpack) {
    offers =
        Offers(catalogue, {{"snake", {.version = "3.11.2", .digest = "d1"}}}, settings, can_unpack);
  }

  Settings settings;
  runtime::Catalogue catalogue;
  Offers offers;

 private:
  static std::string unique_name() {
    static int count = 0;
    return "kitchen-" + std::to_string(::getpid()) + "-" + std::to_string(count++);
  }
  void add(const std::string& id, std::string_view manifest) const {
    std::filesystem::create_directories(folder_ / id);
    std::ofstream(folder_ / id / "runtime.toml")
        << "id = '" << id << "'\nversion_command = ['/usr/bin/env', '--version']\n"
        << manifest;
  }

  std::filesystem::path folder_;
};

// "/files/0/name invalid_value: …", one a line.
inline std::string text_of(const Faults& faults) {
  std::string text;
  for (const FieldFault& fault : faults.list()) {
    text.append(fault.pointer).append(" ").append(name_of(fault.code)).append(": ");
    text.append(fault.detail).append("\n");
  }
  return text;
}

// In tests a quote is a ' to be read more easily.
inline text::json::value json_of(std::string text) {
  for (char& c : text) {
    if (c == '\'') c = '"';
  }
  auto value = text::parse_json(text);
  EXPECT_TRUE(value) << text << "\n" << value.error().what;
  return value ? *std::move(value) : text::json::value();
}

// A digest.
inline const std::string kDigest(64, 'a');

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

}  // namespace retort::api
