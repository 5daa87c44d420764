// Compile cache: one line of claimants for each key; the first of them works.
#include "job/compile_cache.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

namespace retort::job {

using base::Fd;

namespace {

std::optional<Fd> copy_of(const Fd& entry) {
  const int copy = ::fcntl(entry.get(), F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return std::nullopt;
  return Fd(copy);
}

}  // namespace

CompileCache::Claim CompileCache::look(const std::string& key, Answer answer) {
  Claim claim;
  claim.cache_ = this;
  claim.key_ = key;
  claim.number_ = ++last_number_;
  const bool is_first = !works_.contains(key);
  works_[key].claimants.push_back({.number = claim.number_, .answer = std::move(answer)});
  if (is_first) {
    shelf_.get(key, [this, key, alive = std::weak_ptr(alive_)](std::optional<Fd> entry) {
      if (!alive.expired()) on_shelf(key, std::move(entry));
    });
  }
  return claim;
}

void CompileCache::on_shelf(const std::string& key, std::optional<Fd> entry) {
  const auto work = works_.find(key);
  if (work == works_.end()) return;
  if (entry) return answer_all(key, &*entry);
  work->second.asked = true;
  tell_first(work->second);
}

// The first compiles; the others wait for it.
void CompileCache::tell_first(Work& work) {
  if (auto& first = work.claimants.front(); first.answer)
    std::exchange(first.answer, nullptr)(std::nullopt);
}

void CompileCache::answer_all(const std::string& key, const Fd* entry) {
  auto work = works_.extract(key);
  if (work.empty()) return;
  for (Claimant& claimant : work.mapped().claimants) {
    if (claimant.answer) claimant.answer(entry != nullptr ? copy_of(*entry) : std::nullopt);
  }
}

CompileCache::Claim& CompileCache::Claim::operator=(Claim&& other) noexcept {
  if (this == &other) return *this;
  let_go();
  cache_ = std::exchange(other.cache_, nullptr);
  key_ = std::move(other.key_);
  number_ = other.number_;
  return *this;
}

void CompileCache::Claim::publish(const Fd& entry) {
  CompileCache* const cache = std::exchange(cache_, nullptr);
  if (cache == nullptr) return;
  if (auto copy = copy_of(entry)) cache->shelf_.put(key_, std::move(*copy));
  cache->answer_all(key_, &entry);
}

void CompileCache::Claim::fail() {
  CompileCache* const cache = std::exchange(cache_, nullptr);
  if (cache != nullptr) cache->answer_all(key_, nullptr);
}

void CompileCache::Claim::let_go() {
  CompileCache* const cache = std::exchange(cache_, nullptr);
  if (cache == nullptr) return;
  const auto work = cache->works_.find(key_);
  if (work == cache->works_.end()) return;
  auto& claimants = work->second.claimants;
  const auto mine = std::ranges::find(claimants, number_, &Claimant::number);
  if (mine == claimants.end()) return;
  const bool was_working = work->second.asked && !mine->answer;
  claimants.erase(mine);
  if (claimants.empty()) {
    cache->works_.erase(work);
  } else if (was_working) {
    tell_first(work->second);
  }
}

}  // namespace retort::job
