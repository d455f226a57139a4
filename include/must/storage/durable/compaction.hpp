// SPDX-License-Identifier: MIT
// Rewrites the commits of a durable log into segments, and removes what is rewritten.
#pragma once

#include "must/detail/crc32c.hpp"
#include "must/detail/rest.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/storage/durable/avro_objects.hpp"
#include "must/storage/durable/damage.hpp"
#include "must/storage/durable/manifest.hpp"
#include "must/storage/durable/opened_log.hpp"
#include "must/storage/durable/options.hpp"
#include "must/storage/log/commit.hpp"
#include "must/storage/objects.hpp"
#include "must/uuid.hpp"

#include <algorithm>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace must::detail::durable {

// First the segments are written, then the manifest names them, and then, when every other has had the time to learn
// of it, the objects of the commits are removed. Whoever is overtaken or killed in between leaves behind what nobody
// reads, and the next compaction removes it. The newest commit stays in the log.
template <ObjectStorage O>
class compaction {
 public:
  explicit compaction(opened_log<O>& of) : of_(of) {}

  // A stop leaves for the next compaction what may not be removed yet.
  [[nodiscard]] compaction_result run(const std::stop_token& stop) && {
    auto tries = of_.new_attempts();
    of_.look_again(tries);
    if (!rewrite(stop)) {
      replaced_.clear();
      result_.overtaken = true;
      result_.commits = 0;
    }
    for (;;) {
      const auto removable = of_.known().may_remove();
      if (removable.wait.microseconds <= 0 || stop.stop_requested()) {
        remove_below(removable.below);
        if (removable.wait.microseconds <= 0 && !replaced_.empty()) remove(replaced_);
        return result_;
      }
      rest(removable.wait, stop);
    }
  }

 private:
  // Returns false when another compaction was faster.
  bool rewrite(const std::stop_token& stop) {
    const auto known = of_.known().get();
    auto next = known->content;
    auto from = next.floor - 1;
    if (!next.segments.empty() && next.segments.back().bytes < of_.options().segment_bytes) {
      from = next.segments.back().first - 1;
      replaced_ = next.segments.back().key;
      next.segments.pop_back();
    }
    std::optional<commit> newest;
    of_.read(from, [&](commit&& one) {
      log::check_commit(one);
      if (newest) add(*newest, next);
      newest = std::move(one);
      return !stop.stop_requested();
    });
    if (stop.stop_requested() || !newest || newest->first <= known->content.floor) {  // There is nothing to rewrite.
      replaced_.clear();
      return true;
    }
    if (!segment_.empty()) put(next);
    next.floor = newest->first;
    auto tries = of_.new_attempts();
    return of_.replace_manifest(known, std::move(next), tries);
  }
  void add(const commit& one, manifest& next) {
    segment_.add(one);
    if (one.first >= of_.known().get()->content.floor) ++result_.commits;
    if (segment_.size() >= of_.options().segment_bytes) put(next);
  }
  void put(manifest& next) {
    segment_entry made;
    made.first = segment_.first();
    made.last = segment_.last();
    auto& random = random_source::of_this_thread();
    // No two compactions give a segment the same key, so that none can take the other's for its own.
    made.key = std::string(segment_folder) + digits_of(made.first) + "-" + digits_of(made.last) + "-" +
               format_uuid(random(), random(), 4) + std::string(suffix);
    const auto written = segment_.finish();
    made.bytes = written.bytes.size();
    made.header_bytes = written.header_bytes;
    made.crc = crc32c(written.bytes);
    auto tries = of_.new_attempts();
    for (;; tries.pause()) {
      const auto answer = tries.put(made.key, [&] { return of_.objects().put_if_absent(made.key, written.bytes); });
      if (answer.outcome != object_outcome::unknown) break;  // Only this compaction can have put it.
      if (tries.is_over())
        raise({.code = error_code::storage_error,
               .message =
                   "compact: the storage does not say whether the object " + made.key + " is stored: " + answer.reason,
               .operation = "compact",
               .retryable = true});
    }
    ++result_.segments;
    next.segments.push_back(std::move(made));
  }

  // Removes the commits below a floor, and the segments that no manifest names, nor ever will.
  void remove_below(position floor) {
    auto tries = of_.new_attempts();
    of_.look_again(tries);
    remove_if(log_folder, [&](const object_entry& one, bool& is_last) {
      const auto first = position_of(one.key, log_folder);
      is_last = first && *first >= floor;
      return first && *first < floor;
    });
    const auto known = of_.known().get();
    const auto& named = known->content.segments;
    if (named.empty()) return;
    // A compaction that can replace this manifest writes no segment that begins before the last one.
    remove_if(segment_folder, [&](const object_entry& one, bool& is_last) {
      const auto first = position_of(one.key, segment_folder);
      is_last = first && *first >= named.back().first;
      const auto is_same = [&](const segment_entry& kept) { return kept.key == one.key; };
      return first && *first < named.back().first && std::none_of(named.begin(), named.end(), is_same);
    });
  }
  void remove(const std::string& key) {
    auto tries = of_.new_attempts();
    tries.read([&] { of_.objects().remove(key); });
    ++result_.removed;
  }
  // Removes the objects of a folder that `which(object, is_last)` takes, until it says that no more follow.
  template <typename Which>
  void remove_if(std::string_view folder, Which&& which) {
    std::string after;
    for (bool goes_on = true; goes_on;) {
      auto tries = of_.new_attempts();
      const auto page = tries.read([&] { return of_.objects().list(folder, after); });
      bool is_last = false;
      for (const auto& one : page.objects) {
        if (which(one, is_last)) remove(one.key);
        if (is_last) break;
      }
      goes_on = !is_last && !page.complete && !page.objects.empty();
      if (goes_on) after = page.objects.back().key;
    }
  }

  opened_log<O>& of_;
  segment_writer segment_{};
  std::string replaced_{};  // The segment whose commits stand in a larger one now.
  compaction_result result_{};
};

}  // namespace must::detail::durable
