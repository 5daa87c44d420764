// Job lanes: what the places and whoever gives them out share.
#include "api/job_lanes.h"

#include <algorithm>
#include <map>
#include <utility>

namespace retort::api {

struct JobLanes::State {
  explicit State(const async::Executor& own_executor)
      : executor(own_executor), changed(own_executor) {}

  async::Executor executor;
  std::map<std::string, std::shared_ptr<Lane>> lanes;  // by owner
  std::string last_lane;                               // whose turn it was
  std::map<std::string, std::shared_ptr<StoredJob>> jobs;
  std::uint64_t bytes = 0;
  async::Event changed;
};

JobLanes::Place::Place(std::shared_ptr<State> state,
                       std::shared_ptr<Lane> lane,
                       std::shared_ptr<StoredJob> job)
    : state_(std::move(state)), lane_(std::move(lane)), job_(std::move(job)) {
  state_->jobs[job_->id] = job_;
  state_->bytes += job_->bytes;
  ++lane_->inside;
}

JobLanes::Place::~Place() {
  if (!state_) return;
  state_->jobs.erase(job_->id);
  state_->bytes -= job_->bytes;
  --lane_->inside;
  job_->charge.reset();  // before anybody hears of its end
  job_->ended.set();
  state_->changed.set();
}

void JobLanes::Place::widen_lane(std::size_t most_inside) const {
  lane_->most_inside = most_inside;
  state_->changed.set();
}

JobLanes::JobLanes(const async::Executor& executor) : state_(std::make_shared<State>(executor)) {}

void JobLanes::added(const std::string& owner) {
  auto& lane = state_->lanes[owner];
  if (!lane) {
    lane = std::make_shared<Lane>();
    lane->owner = owner;
  }
  lane->has_more = true;
  state_->changed.set();
}

std::shared_ptr<JobLanes::Lane> JobLanes::next() {
  auto& lanes = state_->lanes;
  const auto wants = [](const auto& entry) {
    return entry.second->has_more && entry.second->inside < entry.second->most_inside;
  };
  auto found = std::find_if(lanes.upper_bound(state_->last_lane), lanes.end(), wants);
  if (found == lanes.end()) found = std::find_if(lanes.begin(), lanes.end(), wants);
  if (found == lanes.end()) return nullptr;
  state_->last_lane = found->first;
  return found->second;
}

JobLanes::Place JobLanes::enter(const std::shared_ptr<Lane>& lane, const store::QueuedJob& queued) {
  auto job = std::make_shared<StoredJob>(state_->executor, queued.id, lane->owner);
  job->bytes = static_cast<std::uint64_t>(queued.bytes);
  return Place(state_, lane, std::move(job));
}

std::shared_ptr<StoredJob> JobLanes::find(const std::string& id) const {
  const auto found = state_->jobs.find(id);
  return found == state_->jobs.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<StoredJob>> JobLanes::all() const {
  std::vector<std::shared_ptr<StoredJob>> jobs;
  for (const auto& entry : state_->jobs) jobs.push_back(entry.second);
  return jobs;
}

std::size_t JobLanes::size() const {
  return state_->jobs.size();
}

base::ByteSize JobLanes::bytes() const {
  return base::ByteSize::of_bytes(state_->bytes);
}

async::Event& JobLanes::changed() {
  return state_->changed;
}

}  // namespace retort::api
