// SPDX-License-Identifier: MIT
// A log in a storage of objects that is open: what is put at the next position, what is read, and its manifest.
#pragma once

#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/storage/durable/attempts.hpp"
#include "must/storage/durable/avro_objects.hpp"
#include "must/storage/durable/damage.hpp"
#include "must/storage/durable/known_manifest.hpp"
#include "must/storage/durable/manifest.hpp"
#include "must/storage/durable/options.hpp"
#include "must/storage/durable/probe.hpp"
#include "must/storage/durable/segment_reader.hpp"
#include "must/storage/log/appending.hpp"
#include "must/storage/log/commit.hpp"
#include "must/storage/objects.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace must::detail::durable {

template <ObjectStorage O>
class opened_log {
 public:
  // Opens a log, and makes it when there is none.
  opened_log(O objects, durable_options options)
      : options_(std::move(options)), objects_(std::move(objects)), segments_(objects_, options_.segment_cache_bytes) {
    auto tries = new_attempts();
    probe(objects_, tries);
    if (!look(tries)) make(tries);
  }

  [[nodiscard]] const durable_options& options() const noexcept { return options_; }
  [[nodiscard]] O& objects() noexcept { return objects_; }
  [[nodiscard]] known_manifest& known() noexcept { return known_; }
  [[nodiscard]] const known_manifest& known() const noexcept { return known_; }
  [[nodiscard]] attempts new_attempts() const { return attempts(options_.log.timeout); }

  // \see CommitLog
  [[nodiscard]] put_outcome try_put(const commit& made) {
    const auto key = log_key(made.first);
    const auto bytes = log_object(made);
    auto tries = new_attempts();
    auto began = running_microseconds();
    const auto answer = tries.put(key, [&] {
      began = running_microseconds();
      return objects_.put_if_absent(key, bytes);
    });
    if (answer.outcome == object_outcome::refused) return put_outcome::lost;
    if (answer.outcome != object_outcome::done) return put_outcome::unknown;
    if (!known_.is_kept(made.first)) {
      try {
        look_again(tries);
      } catch (...) {
        return put_outcome::unknown;  // The next attempt to read says why.
      }
      // The key was removed before, or after it was put: whose commit is at the position stands in a segment.
      if (known_.get()->content.floor > made.first) return put_outcome::lost;
    }
    known_.note_end(made.last() + 1, began);
    return put_outcome::won;
  }
  // \see CommitLog
  template <typename Visitor>
  void read(position after, Visitor&& visitor) {
    auto tries = new_attempts();
    bool goes_on = true;
    const auto visit = [&](commit&& one) {
      after = one.last();
      goes_on = visitor(std::move(one));
      tries = new_attempts();
      return goes_on;
    };
    while (goes_on) {
      const auto known = known_.get();
      if (after + 1 < known->content.floor) {
        if (segments_.read(known->content, after, tries, visit)) continue;
        look_again(tries);
        if (known_.get()->etag == known->etag) raise_damaged(manifest_key, "a segment that it names is not there");
        continue;
      }
      const auto began = running_microseconds();
      const auto found = tries.read([&] { return objects_.get(log_key(after + 1), {}); });
      if (!known_.is_kept(after + 1)) {
        look_again(tries);
        if (known_.get()->content.floor > after + 1) continue;
      }
      if (found) {
        visit(read_log_object(after + 1, found->bytes));
        continue;
      }
      known_.note_end(after + 1, began);
      if (was_checked_.load() || !is_followed(after, tries)) return;
    }
  }

  // Looks at the manifest.
  void look_again(attempts& tries) {
    if (!look(tries)) raise_damaged(manifest_key, "it is not there any more");
  }
  // Replaces the manifest that is known by another, which gets the next revision. Returns false when another was
  // faster.
  [[nodiscard]] bool replace_manifest(const known_manifest::shared& known, manifest next, attempts& tries) {
    next.revision = known->content.revision + 1;
    const auto text = json_of(next);
    for (;; tries.pause()) {
      const auto began = running_microseconds();
      const auto answer =
          tries.put(manifest_key, [&] { return objects_.put_if_match(manifest_key, text, known->etag); });
      if (answer.outcome == object_outcome::done) {
        known_.set(std::make_shared<const known_manifest::stored>(known_manifest::stored{next, answer.etag}), began);
        return true;
      }
      look_again(tries);
      const auto found = known_.get();
      if (json_of(found->content) == text) return true;
      if (found->etag != known->etag) return false;
      if (tries.is_over())
        raise({.code = error_code::outcome_unknown,
               .message = "compact: the storage does not say whether the manifest is replaced: " + answer.reason,
               .operation = "compact"});
    }
  }

 private:
  // Returns false when there is no manifest.
  [[nodiscard]] bool look(attempts& tries) {
    const auto began = running_microseconds();
    const auto found = tries.read([&] { return objects_.get(manifest_key, {}); });
    if (!found) return false;
    auto content = manifest_reader(found->bytes).read();
    known_.set(std::make_shared<const known_manifest::stored>(known_manifest::stored{std::move(content), found->etag}),
               began);
    return true;
  }
  void make(attempts& tries) {
    if (!tries.read([&] { return objects_.list(log_folder, {}); }).objects.empty())
      raise_damaged(manifest_key, "it is not there, but objects of a log are");
    manifest first;
    first.store = log::new_id();
    first.incarnation = log::new_id();
    first.grace = options_.grace;
    const auto text = json_of(first);
    do {
      const auto answer = tries.put(manifest_key, [&] { return objects_.put_if_absent(manifest_key, text); });
      if (look(tries)) return;
      tries.pause();
    } while (!tries.is_over());
    raise({.code = error_code::storage_error,
           .message = "open: the storage does not keep the object " + std::string(manifest_key),
           .operation = "open",
           .retryable = true});
  }
  // Looks once whether commits stand above the end of the log. If so, the end is no end: one was put meanwhile, or one
  // that is lost.
  [[nodiscard]] bool is_followed(position end, attempts& tries) {
    const auto above = tries.read([&] { return objects_.list(log_folder, log_key(end)); });
    const auto is_commit = [](const object_entry& one) { return position_of(one.key, log_folder).has_value(); };
    const auto first = std::find_if(above.objects.begin(), above.objects.end(), is_commit);
    if (first == above.objects.end()) {
      was_checked_.store(true);
      return false;
    }
    if (!tries.read([&] { return objects_.get(log_key(end + 1), {0, 1}); }))
      raise_damaged(log_key(end + 1), "it is not there, but " + first->key + " is");
    return true;
  }

  durable_options options_;
  O objects_;
  segment_reader<O> segments_;
  known_manifest known_{};
  std::atomic<bool> was_checked_{false};
};

}  // namespace must::detail::durable
