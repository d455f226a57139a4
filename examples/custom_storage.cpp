// SPDX-License-Identifier: MIT
// A storage of your own in a page: a vector under a lock; and the public suite that shows it keeps every promise.
#include <must/must.hpp>
#include <must/storage/kit/judge.hpp>
#include <must/storage/kit/matching.hpp>
#include <must/storage/kit/read_window.hpp>
#include <must/storage/kit/validate.hpp>
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
    must::kit::check_append(std::span<const event>(events), condition);
    const std::lock_guard lock(mutex_);
    facts stored{*this, events};
    if (const auto answer = must::kit::judge(stored, std::span<const event>(events), condition)) return *answer;
    const auto first = log_.size() + 1;
    const auto now = log_.empty() ? origin_.clock->now() : std::max(origin_.clock->now(), log_.back().recorded_at);
    for (std::size_t i = 0; i < events.size(); ++i) {
      const auto version = events[i].subject.empty() ? must::version() : ++version_of(events[i].subject);
      log_.push_back({events[i], first + i, version, now});
      places_.push_back({first + i, i, events.size()});
    }
    return must::appended{first, log_.size()};
  }

  template <typename Visitor>
  must::read_result read(const must::query& which, const must::read_options& options, Visitor&& visitor) {
    must::kit::check_read(which, options);
    const auto log = snapshot();  // the visitor is called without the lock
    must::kit::read_window window(options, log.size());
    if (!log.empty()) window.note_last(log.back().source, log.back().id);
    while (!window.is_over()) {
      auto& left = window.bounds();
      const auto& one = log[(options.order == must::direction::forwards ? left.low : left.high) - 1];
      const bool is_in = left.has_version(one.version) && must::kit::matches(which, one);
      left.move_beyond(one);
      if (is_in && !window.visit(visitor, one)) break;
    }
    return window.result();
  }

  must::position head() { return snapshot().size(); }
  must::version version(std::string_view stream) {
    const std::lock_guard lock(mutex_);
    return version_of(stream);
  }
  std::optional<record> find(std::string_view source, std::string_view id) {
    const std::lock_guard lock(mutex_);
    const auto at = position_of(source, id);
    return at == 0 ? std::nullopt : std::optional(log_[at - 1]);
  }
  const must::origin& origin() const { return origin_; }

 private:
  // What the kit asks of the store to judge an append.
  struct facts {
    must::position head() const { return store.log_.size(); }
    must::kit::known_event known(std::size_t i) const {
      const auto at = store.position_of(events[i].source, events[i].id);
      return at == 0 ? must::kit::known_event{} : store.places_[at - 1];
    }
    bool same_content(std::size_t i, must::position at) const {
      return must::kit::same_content<data_type>(store.log_[at - 1], events[i]);
    }
    bool has(const must::seen_event& seen) const { return store.position_of(seen.source, seen.id) == seen.position; }
    must::version version(std::string_view stream) const { return store.version_of(stream); }
    must::position last_match(const must::query& which, must::position after) const {
      auto at = store.log_.size();
      while (at > after && !must::kit::matches(which, store.log_[at - 1])) --at;
      return at > after ? at : 0;
    }
    const vector_store& store;
    std::span<const event> events;
  };

  std::vector<record> snapshot() {
    const std::lock_guard lock(mutex_);
    return log_;
  }
  must::version version_of(std::string_view stream) const {
    must::version last;
    for (const auto& one : log_)
      if (one.subject == stream) ++last;
    return last;
  }
  must::position position_of(std::string_view source, std::string_view id) const {
    for (const auto& one : log_)
      if (one.source == source && one.id == id) return one.position;
    return 0;
  }

  must::origin origin_;
  std::mutex mutex_;
  std::vector<record> log_;
  std::vector<must::kit::known_event> places_;  // of each position
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
