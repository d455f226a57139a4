// SPDX-License-Identifier: MIT
// A storage of your own in a page: a vector under a lock; and the public suite that shows it keeps every promise.
#include <must/must.hpp>
#include <must/testing/storage_suite.hpp>

#include <algorithm>
#include <iostream>
#include <mutex>
#include <vector>

class vector_store {
 public:
  using data_type = must::payload;
  using event = must::basic_event<data_type>;
  using record = must::recorded<data_type>;

  must::append_result append(std::span<event> events, const must::append_condition& condition) {
    must::check_append(std::span<const event>(events), condition);
    const std::lock_guard lock(mutex_);
    if (const auto repeat = find_repeat(events)) return *repeat;
    if (condition.after > log_.size())
      must::raise({.code = must::error_code::position_ahead,
                   .message = "the store ends before " + std::to_string(condition.after)});
    for (const auto& expectation : condition.streams)
      if (const auto actual = version_of(expectation.stream); !expectation.holds_at(actual))
        return must::conflict{.failed = must::conflict::part::stream,
                              .stream = expectation.stream,
                              .expected = expected(expectation),
                              .actual = actual};
    for (auto position = log_.size(); position > condition.after; --position)
      if (must::matches(condition.query, log_[position - 1]))
        return must::conflict{.actual = position, .after = condition.after};
    const auto first = log_.size() + 1;
    const auto now = origin_.clock->now();
    for (const auto& one : events) {
      const auto version = one.subject.empty() ? 0 : version_of(one.subject) + 1;
      log_.push_back({one, log_.size() + 1, version, log_.empty() ? now : std::max(now, log_.back().recorded_at)});
      commits_.push_back({first, first + events.size() - 1});
    }
    return must::appended{first, log_.size()};
  }

  template <typename Visitor>
  must::read_result read(const must::query& which, const must::read_options& options, Visitor&& visitor) {
    must::check_read(which, options);
    const auto log = snapshot();  // the visitor is called without the lock
    const auto forwards = options.order == must::direction::forwards;
    const auto end = std::min<must::position>(options.until, log.size());
    auto left = options.limit.value_or(static_cast<std::int64_t>(log.size()) + 1);
    auto scanned = forwards ? options.after : end;
    for (auto count = end > options.after ? end - options.after : 0, i = must::position{0}; i < count && left >= 0;
         ++i) {
      const auto& one = log[(forwards ? options.after + i + 1 : end - i) - 1];
      const bool in_window = one.version > options.after_version && one.version <= options.until_version;
      if (!must::matches(which, one) || !(in_window || one.version == 0)) continue;
      if (left-- == 0) return {log.size(), scanned, false};
      scanned = one.position;
      bool go_on = true;
      if constexpr (std::is_void_v<decltype(visitor(one))>)
        visitor(one);
      else
        go_on = visitor(one);
      if (!go_on || left == 0) return {log.size(), scanned, false};
    }
    if (options.limit == 0) return {log.size(), scanned, false};
    return {log.size(), forwards ? end : options.after, true};
  }

  must::position head() { return snapshot().size(); }
  must::version version(std::string_view stream) {
    const std::lock_guard lock(mutex_);
    return version_of(stream);
  }
  std::optional<record> find(std::string_view source, std::string_view id) {
    const std::lock_guard lock(mutex_);
    for (const auto& one : log_)
      if (one.source == source && one.id == id) return one;
    return std::nullopt;
  }
  const must::origin& origin() const { return origin_; }

 private:
  std::vector<record> snapshot() {
    const std::lock_guard lock(mutex_);
    return log_;
  }
  must::version version_of(std::string_view stream) const {
    return static_cast<must::version>(
        std::count_if(log_.begin(), log_.end(), [&](const auto& one) { return one.subject == stream; }));
  }
  static std::optional<must::version> expected(const must::stream_expectation& expectation) {
    return expectation.expected == must::stream_expectation::kind::exists ? std::nullopt
                                                                          : std::optional(expectation.at);
  }

  // What the same append had as its result: all of its ids, in its order, with its content. Else a known id is refused.
  std::optional<must::appended> find_repeat(std::span<const event> events) const {
    std::optional<must::appended> commit;
    bool whole = true;
    for (std::size_t i = 0; i < events.size(); ++i) {
      const auto same_id = [&](const event& one) { return one.source == events[i].source && one.id == events[i].id; };
      if (std::any_of(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(i), same_id)) refuse(events[i]);
      const auto found = std::find_if(log_.begin(), log_.end(), same_id);
      if (found == log_.end()) {
        whole = false;
        continue;
      }
      const auto& of = commits_[found->position - 1];
      if (commit && !(*commit == of)) refuse(events[i]);
      if (of.last - of.first + 1 != events.size() || found->position != of.first + i ||
          !must::same_content<data_type>(*found, events[i]))
        refuse(events[i]);
      commit = of;
    }
    if (commit && !whole) refuse(events.front());
    return commit;
  }
  [[noreturn]] static void refuse(const event& one) {
    must::raise({.code = must::error_code::duplicate_id,
                 .message = "the id \"" + one.id + "\" is stored already, in another append",
                 .event_id = one.id});
  }

  must::origin origin_;
  std::mutex mutex_;
  std::vector<record> log_;
  std::vector<must::appended> commits_;  // of each position
};
static_assert(must::Storage<vector_store>);

struct fixture {
  static constexpr must::testing::capabilities capabilities{};  // a Storage, and nothing more
  vector_store& store() { return store_; }
  vector_store store_;
};

int main() {
  const auto done =
      must::testing::run_storage_suite<fixture>([](const must::testing::storage_case& one, const std::string& why) {
        std::cout << one.id << ' ' << one.says << (why.empty() ? "" : ": FAILED: " + why) << '\n';
      });
  std::cout << done.passed << " cases hold, " << done.failures.size() << " do not\n";
  return done.failures.empty() ? 0 : 1;
}
