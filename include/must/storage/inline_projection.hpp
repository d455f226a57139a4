// SPDX-License-Identifier: MIT
// inline_projection: a view of the user's own that is written in the transaction of every append.
#pragma once

#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage/kit/decorator.hpp"
#include "must/storage/transactional.hpp"

#include <concepts>
#include <span>
#include <utility>

namespace must {

/// A storage that runs `project(transaction, event)` for each event of an append, in the transaction of the append.
///
/// A view that `project` writes is never behind the events and never ahead of them. When `project` throws, nothing is
/// stored, and the caller gets what it has thrown. `project` does not run for a conflict, or for events that are stored
/// already. It runs while the store is locked for other writers, so it has to be short, and does not call the store.
/// The event has its id, time, tags and extensions. Its position is not told: it has none before the commit.
/// Appends that do not go through this object are not projected. append_batch and append_with are deleted.
template <TransactionalStorage S, typename Project>
  requires std::invocable<Project&, typename S::transaction&, const basic_event<typename S::data_type>&>
class inline_projection : public kit::decorator<S> {
  using base = kit::decorator<S>;

 public:
  using typename base::event;

  /// Projects what is appended from now on. The store outlives this object.
  inline_projection(S& storage, Project project) : base(storage), project_(std::move(project)) {}

  /// Appends events, and projects them in the same transaction. \see Storage
  /// \throws ...  what `project` throws
  append_result append(std::span<event> events, const append_condition& condition) {
    return this->storage().append_with(events, condition, [&](typename S::transaction& in) {
      for (const auto& one : events) project_(in, one);
    });
  }
  void append_batch(auto&&...) = delete;
  void append_with(auto&&...) = delete;

 private:
  Project project_;
};

}  // namespace must
