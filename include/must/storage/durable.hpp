// SPDX-License-Identifier: MIT
// durable_store: a store in a storage of objects, such as S3 or a directory.
#pragma once

#include "must/detail/current_error.hpp"
#include "must/error.hpp"
#include "must/fwd.hpp"
#include "must/origin.hpp"
#include "must/storage/durable/object_log.hpp"
#include "must/storage/durable/options.hpp"  // IWYU pragma: export
#include "must/storage/log_store.hpp"        // IWYU pragma: export
#include "must/storage/objects.hpp"          // IWYU pragma: export

#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

namespace must {

/// A store of CloudEvents in a storage of objects, which any number of processes and machines may use at once.
///
/// It is what log_store is, over a log whose commits are objects. An append puts the key of the next position, if it is
/// absent: one request when nobody else has appended since. Whoever loses the key has not appended, so that a process
/// that wakes up late needs no fencing. A look for news when there is none is one request. Events are read from
/// segments, into which compact() has rewritten them, and from the objects of the commits since. Opening reads the
/// whole log. The page "A store in object storage" says what is promised and what it costs. \see log_store
template <ObjectStorage Objects>
class durable_store : public log_store<detail::durable::object_log<Objects>> {
 public:
  /// Opens a store, and makes it when there is none. Tries first whether the storage refuses to put a key twice.
  /// \throws bad_input  when the source is no name, or an option is out of its range
  /// \throws storage_error  when the storage cannot be used, or does not refuse
  /// \throws storage_error  when an object is damaged; the message names it
  explicit durable_store(Objects objects, const durable_options& options = {}, must::origin origin = {})
      : durable_store(std::move(objects), options, std::move(origin), [](position) {}) {}
  /// Opens a store. `on_open(position)` is told how far the log is read. \see log_store
  template <typename OnOpen>
  durable_store(Objects objects, const durable_options& options, must::origin origin, OnOpen&& on_open)
      : durable_store(options, handle(std::move(objects), options), std::move(origin), on_open) {}
  durable_store(const durable_store&) = delete;
  durable_store& operator=(const durable_store&) = delete;
  ~durable_store() = default;

  /// Rewrites all commits but the newest into segments, and removes their objects when `grace` has passed. Others may
  /// append, read and compact meanwhile. What is killed in between is done by the next compaction.
  /// \param stop  ends the wait for `grace`, and leaves what may not be removed yet to the next compaction
  /// \throws storage_error  when the storage fails, or an object is damaged. Nothing is lost
  compaction_result compact(const std::stop_token& stop = {}) { return log_.compact(stop); }
  /// Returns why the last compaction of `compact_every` has failed, or nothing.
  [[nodiscard]] std::optional<error> compaction_failure() const {
    const std::lock_guard lock(mutex_);
    return failure_;
  }
  /// Gives the store a new incarnation, and so another history(). A program calls it after objects were put back from
  /// a copy. Stores that are open meanwhile are opened anew. \throws storage_error  when the storage fails
  void mark_restored() { log_.mark_restored(); }

 private:
  using handle = detail::durable::object_log<Objects>;

  template <typename OnOpen>
  durable_store(const durable_options& options, handle log, must::origin origin, OnOpen&& on_open)
      : log_store<handle>(log, options.log, std::move(origin), on_open), log_(std::move(log)) {
    if (options.compact_every > 0)
      thread_ = std::jthread([this, every = options.compact_every](const std::stop_token& stop) {
        for (auto next = every; log_.wait_for(next, stop); next = log_.won() + every) compact_quietly(stop);
      });
  }
  void compact_quietly(const std::stop_token& stop) {
    std::optional<error> failure;
    try {
      static_cast<void>(compact(stop));
    } catch (...) {
      failure = detail::current_error("compact");
    }
    const std::lock_guard lock(mutex_);
    failure_ = std::move(failure);
  }

  handle log_;
  mutable std::mutex mutex_{};
  std::optional<error> failure_{};
  std::jthread thread_{};
};

}  // namespace must
