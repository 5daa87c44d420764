// Batch: turns, and what is left when they end.
#include "api/batch.h"

#include <utility>

#include "text/json.h"

namespace retort::api {

namespace {

// {"index": …, "NAME": body}: a result may be large, and is not parsed for this.
std::string line(std::size_t index, std::string_view name, std::string_view body) {
  std::string line = R"({"index":)" + std::to_string(index) + R"(,")";
  line.append(name).append(R"(":)").append(body).append("}\n");
  return line;
}

}  // namespace

Batch::Turn::Turn(std::shared_ptr<Batch> batch, std::size_t index, Callers::JobPass pass)
    : batch_(std::move(batch)), index_(index), pass_(std::move(pass)) {
  fail(internal_problem());
  batch_->cancels_[index_] = cancel_;
  ++batch_->running_;
}

Batch::Turn::~Turn() {
  if (!batch_) return;
  if (!batch_->is_left_) batch_->lines_.push_back(std::move(line_));
  batch_->cancels_[index_].reset();
  --batch_->running_;
  batch_->changed_.set();
}

void Batch::Turn::succeed(std::string_view result) {
  line_ = line(index_, "result", result);
}

void Batch::Turn::fail(const Problem& problem) {
  line_ = line(index_, "problem", text::compact(to_json(problem)));
}

Batch::Turn Batch::begin(std::size_t index, Callers::JobPass pass) {
  return Turn(shared_from_this(), index, std::move(pass));
}

void Batch::leave() {
  is_left_ = true;
  for (const auto& cancel : cancels_) {
    if (cancel) cancel->cancel();
  }
  changed_.set();
}

std::string Batch::take_lines() {
  std::string text;
  for (const std::string& told : std::exchange(lines_, {})) text += told;
  return text;
}

}  // namespace retort::api
