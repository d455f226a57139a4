// SPDX-License-Identifier: MIT
// A log that does to each commit what a test wants: loses it, delays it, answers twice, late, or not at all.
#pragma once

#include "stores/log.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <utility>
#include <vector>

namespace must_test {

// What becomes of a commit that is put.
enum class fate : std::uint8_t {
  answered,      ///< the log does what it is asked to
  forgotten,     ///< stored as asked, but the answer does not come
  dropped,       ///< never stored, and no answer comes
  late,          ///< no answer comes, and the commit is put some calls later
  twice,         ///< stored, and put again by the log itself, whose answer is that of the second time
  refused,       ///< never stored, and the log says so
  disconnected,  ///< as `forgotten`, and the next read fails
};

// A handle, as log_in_memory is. Any number of threads may use it.
class scripted_log {
 public:
  struct script {
    std::function<fate(const must::commit&)> on_put{};  ///< decides about each commit
    std::function<void(must::commit&)> on_read{};       ///< may change each commit that is read
    std::function<void(const must::commit&)> before{};  ///< is called before each put, under no lock
    std::size_t puts = 0;
    std::size_t reads = 0;
    std::size_t fetches = 0;
  };

  scripted_log() = default;
  explicit scripted_log(std::function<fate(const must::commit&)> on_put) { all_->now.on_put = std::move(on_put); }

  must::put_outcome try_put(must::commit& made) {
    if (all_->now.before) all_->now.before(made);
    const std::lock_guard lock(all_->mutex);
    ++all_->now.puts;
    deliver();
    const auto what = all_->now.on_put ? all_->now.on_put(made) : fate::answered;
    switch (what) {
      case fate::answered: return all_->log.try_put(made);
      case fate::twice: static_cast<void>(all_->log.try_put(made)); return all_->log.try_put(made);
      case fate::late: all_->late.push_back(made); break;
      case fate::refused: must::raise({.code = must::error_code::storage_error, .message = "the log is full"});
      case fate::disconnected: all_->fails = true; [[fallthrough]];
      case fate::forgotten: static_cast<void>(all_->log.try_put(made)); break;
      case fate::dropped: break;
    }
    return must::put_outcome::unknown;
  }
  void read(must::position after, auto&& visitor) const {
    {
      const std::lock_guard lock(all_->mutex);
      ++all_->now.reads;
      deliver();
      if (std::exchange(all_->fails, false))
        must::raise({.code = must::error_code::storage_error, .message = "the log is not there"});
    }
    all_->log.read(after, [&](must::commit&& one) {
      if (all_->now.on_read) all_->now.on_read(one);
      return static_cast<bool>(visitor(std::move(one)));
    });
  }
  [[nodiscard]] const must::limits& limits() const { return all_->log.limits(); }

  [[nodiscard]] std::optional<must::cell> get(std::string_view key) const { return all_->log.get(key); }
  bool put(std::string_view key, std::string_view bytes, std::uint64_t expected) {
    return all_->log.put(key, bytes, expected);
  }
  [[nodiscard]] std::vector<std::string> list(std::string_view prefix) const { return all_->log.list(prefix); }

  script& now() { return all_->now; }
  // The commits as the log has them, whatever the script says.
  [[nodiscard]] std::vector<must::commit> commits() const {
    std::vector<must::commit> all;
    all_->log.read(0, [&](must::commit&& one) {
      all.push_back(std::move(one));
      return true;
    });
    return all;
  }
  // Puts a commit past the script.
  must::put_outcome put_directly(must::commit one) { return all_->log.try_put(one); }
  // Puts the commits that are late.
  void deliver_all() {
    const std::lock_guard lock(all_->mutex);
    while (!all_->late.empty()) deliver();
  }

 private:
  struct all_of_it {
    std::mutex mutex{};
    log_in_memory log{};
    script now{};
    std::vector<must::commit> late{};
    std::size_t calls = 0;
    bool fails = false;
  };
  // A commit that is late is put at the third call from then on, or so.
  void deliver() const {
    if (all_->late.empty() || ++all_->calls % 3 != 0) return;
    static_cast<void>(all_->log.try_put(all_->late.front()));
    all_->late.erase(all_->late.begin());
  }
  std::shared_ptr<all_of_it> all_ = std::make_shared<all_of_it>();
};

// A log that finds commits by their places.
class placed_log : public scripted_log {
 public:
  using scripted_log::scripted_log;
  must::put_outcome try_put(must::commit& made) {
    made.place = made.first * 100;
    return scripted_log::try_put(made);
  }
  void fetch(std::uint64_t place, auto&& visitor) {
    ++now().fetches;
    scripted_log::read(place / 100 - 1, visitor);
    --now().reads;
  }
};

// Draws a fate for each commit that is put. It is called under the lock of a log.
inline auto random_fates(std::uint64_t seed) {
  return [random = std::mt19937_64(seed)](const must::commit&) mutable {
    constexpr fate odd[] = {fate::forgotten, fate::dropped, fate::late, fate::twice};
    const auto drawn = random() % 12;
    return drawn < std::size(odd) ? odd[drawn] : fate::answered;
  };
}

}  // namespace must_test
