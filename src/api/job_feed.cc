// Job feed: numbered events, of which the last are kept.
#include "api/job_feed.h"

#include <algorithm>

#include "base/units.h"
#include "text/digest.h"
#include "text/encodings.h"

namespace retort::api {

namespace json = text::json;

std::optional<std::uint64_t> JobFeed::number_of(std::string_view id) const {
  if (!id.starts_with(token_) || id.size() <= token_.size() || id[token_.size()] != '-')
    return std::nullopt;
  const auto number = base::parse_count(id.substr(token_.size() + 1), UINT64_MAX / 2);
  if (!number || *number + 1 < lost_below_ || *number >= next_) return std::nullopt;
  return *number;
}

bool JobFeed::knows(std::string_view last_event_id) const {
  return number_of(last_event_id).has_value();
}

std::shared_ptr<JobFeed::Follower> JobFeed::follow(std::string_view last_event_id) {
  auto follower = std::make_shared<Follower>(executor_);
  const auto last = number_of(last_event_id);
  follower->next = last ? *last + 1 : next_;
  std::erase_if(followers_, [](const auto& weak) { return weak.expired(); });
  followers_.push_back(follower);
  return follower;
}

std::string JobFeed::event(std::string_view name, const json::value& body) {
  std::string text = "event: ";
  text.append(name).append("\ndata: ");
  text.append(text::compact(json::object{{name, body}}));
  return text.append("\n\n");
}

void JobFeed::publish(std::string_view name, const json::value& body) {
  const bool is_queued = name == "queued";
  if (is_queued && !items_.empty() && items_.back().is_queued) {
    bytes_ -= items_.back().text.size();
    items_.pop_back();
  }
  Item item{.number = next_++, .is_queued = is_queued, .text = {}};
  item.text = "id: " + token_ + "-" + std::to_string(item.number) + "\n" + event(name, body);
  bytes_ += item.text.size();
  items_.push_back(std::move(item));
  while (items_.size() > kMostEvents || (bytes_ > kMostBytes && items_.size() > 1)) {
    bytes_ -= items_.front().text.size();
    lost_below_ = items_.front().number + 1;
    items_.pop_front();
  }
  wake();
}

void JobFeed::end() {
  is_ended_ = true;
  wake();
}

void JobFeed::wake() {
  for (const auto& weak : followers_) {
    if (const auto follower = weak.lock()) follower->woken.set();
  }
}

std::optional<std::string> JobFeed::take(Follower& follower) const {
  if (follower.next < lost_below_) return std::nullopt;
  std::string text;
  const auto first =
      std::ranges::find_if(items_, [&](const Item& item) { return item.number >= follower.next; });
  for (auto item = first; item != items_.end(); ++item) {
    if (!text.empty() && text.size() + item->text.size() > kMostTaken) break;
    text += item->text;
    follower.next = item->number + 1;
  }
  return text;
}

std::shared_ptr<JobFeed> JobFeeds::open(const std::string& id) {
  if (auto feed = find(id)) return feed;
  if (feeds_.size() >= pruned_at_) {
    std::erase_if(feeds_, [](const auto& entry) { return entry.second.expired(); });
    pruned_at_ = std::max<std::size_t>(64, 2 * feeds_.size());
  }
  constexpr std::size_t kTokenBytes = 6;
  auto feed = std::make_shared<JobFeed>(executor_, text::hex(text::random_bytes(kTokenBytes)));
  if (is_ended_) feed->end();
  feeds_[id] = feed;
  return feed;
}

std::shared_ptr<JobFeed> JobFeeds::find(const std::string& id) const {
  const auto found = feeds_.find(id);
  return found == feeds_.end() ? nullptr : found->second.lock();
}

void JobFeeds::end() {
  is_ended_ = true;
  for (const auto& entry : feeds_) {
    if (const auto feed = entry.second.lock()) feed->end();
  }
}

}  // namespace retort::api
