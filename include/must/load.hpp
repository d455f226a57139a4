// SPDX-License-Identifier: MIT
// load and events_in: read a state, or the events themselves, from a store.
#pragma once

#include "must/as_of.hpp"
#include "must/codec/versions.hpp"
#include "must/decision.hpp"
#include "must/event.hpp"
#include "must/fwd.hpp"
#include "must/process_command/fold.hpp"
#include "must/query.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"

#include <optional>
#include <utility>
#include <vector>

namespace must {

/// A state that was read from a store.
template <typename S>
struct loaded {
  /// The state, folded from the events of its boundary.
  S state{};
  /// The head of the store when it was read, or the position of the moment that it was read at. It may become the
  /// `after` of an append_condition.
  position seen = 0;
  /// The version in its stream of the last event that was folded. It is 0 when no event was folded.
  must::version version = 0;
  /// The last event of the store when it was read, for the `seen` of an append_condition. Its position is 0 when the
  /// store was empty, or names none.
  seen_event last_event{};
};

namespace detail::pipeline {

template <typename S, typename Folding>
loaded<S> loaded_by(const Folding& folding) {
  const auto& only = std::get<0>(folding.folds());
  const auto& condition = folding.condition();
  return {only.states(), condition.after, only.last_version(),
          condition.seen.empty() ? seen_event{} : condition.seen.back()};
}

}  // namespace detail::pipeline

/// Reads one state from a store: `must::load(store, must::stream<Account>("a1"))`. The cost is linear in the number of
/// its events, or of those since its snapshot. A state without events is default-constructed.
/// \throws bad_input         when the stream or a tag is out of range, or at_version is used without a stream
/// \throws version_conflict  when the stream is at another version than at_version expects
/// \throws codec_error       when an event cannot be read
/// \throws erased            when the data of an event was erased
/// \throws storage_error     when the store fails
/// \throws ...               what apply throws
template <Storage Store, State S>
[[nodiscard]] loaded<S> load(Store& storage, dependency<S> from) {
  detail::pipeline::folding<dependency<S>, typename Store::data_type> folding(std::move(from));
  folding.catch_up(storage);
  folding.keep(storage);
  if (const auto mismatch = folding.mismatch()) raise(to_error(*mismatch));
  return detail::pipeline::loaded_by<S>(folding);
}

/// Reads one state as it was: `must::load(store, must::stream<Account>("a1"), must::as_of::version(3))`. The cost is
/// linear in the number of its events up to the moment: states of must::cached and of snapshots are not used.
/// \returns the state. `seen` is the position of the moment, and `version` that of the last event that was folded.
/// \throws ...  what load without a moment and as_of::in throw
template <Storage Store, State S>
[[nodiscard]] loaded<S> load(Store& storage, dependency<S> from, const as_of& moment) {
  const auto until = moment.in(storage, query{from.item()});
  detail::pipeline::folding<dependency<S>, typename Store::data_type> folding(std::move(from));
  folding.fold_until(storage, until);
  if (const auto mismatch = folding.mismatch()) raise(to_error(*mismatch));
  return detail::pipeline::loaded_by<S>(folding);
}

/// A stored event that can be read as an event of the program.
template <typename Data>
struct stored_event : recorded<Data> {
  /// Returns the event when it is an E, and nothing otherwise. An earlier version is converted to the current one.
  /// \throws codec_error  when it is an E that cannot be read
  /// \throws erased       when it is an E whose data was erased
  template <Event E>
  [[nodiscard]] std::optional<E> as() const {
    std::optional<E> found;
    detail::coding::with_event<E>(*this, [&](const E& event) { found.emplace(event); });
    return found;
  }

  /// Calls `visitor(event)` with the first E that the event is. Returns whether it is any of them.
  ///
  /// Without any E, a store of structs calls the visitor with the struct that is stored, if the visitor takes it.
  /// \throws codec_error  when it is an E that cannot be read
  /// \throws erased       when it is an E whose data was erased
  /// \throws ...          what the visitor throws
  template <typename... E, typename Visitor>
  bool visit(Visitor&& visitor) const {
    if constexpr (sizeof...(E) > 0) {
      return (detail::coding::with_event<E>(*this, [&](const E& event) { visitor(event); }) || ...);
    } else if constexpr (!detail::coding::keeps_structs<Data>) {
      static_assert(detail::coding::keeps_structs<Data>, "must: name the events to visit: record.visit<A, B>(visitor)");
      return false;
    } else {
      bool taken = false;
      this->data.visit([&](const auto& event) {
        if constexpr (requires { visitor(event); }) {
          visitor(event);
          taken = true;
        }
      });
      return taken;
    }
  }
};

/// Returns copies of the events that match a query. The read of the store gives one after another instead, for events
/// that may not fit into memory.
/// \throws bad_input      when the query or an option is out of range
/// \throws storage_error  when the store fails
template <Storage Store>
[[nodiscard]] std::vector<stored_event<typename Store::data_type>> events_in(Store& storage, const query& which,
                                                                             const read_options& options = {}) {
  using data_type = typename Store::data_type;
  std::vector<stored_event<data_type>> found;
  static_cast<void>(storage.read(
      which, options, [&](const recorded<data_type>& record) { found.push_back(stored_event<data_type>{record}); }));
  return found;
}

/// Returns copies of the events of some types: `must::events_in<Opened, Closed>(store)`. The types are selected by
/// every name under which they may be stored.
/// \throws bad_input      when an option is out of range
/// \throws storage_error  when the store fails
template <Event First, Event... E, Storage Store>
[[nodiscard]] std::vector<stored_event<typename Store::data_type>> events_in(Store& storage,
                                                                             const read_options& options = {}) {
  return events_in(storage, query::of<First, E...>(), options);
}

/// Returns copies of the events that a query matched at a moment: `events_in(store, which, must::as_of::time(when))`.
/// \throws ...  what events_in without a moment and as_of::in throw
template <Storage Store>
[[nodiscard]] std::vector<stored_event<typename Store::data_type>> events_in(Store& storage, const query& which,
                                                                             const as_of& moment) {
  return events_in(storage, which, read_options{.until = moment.in(storage, which)});
}

/// Returns copies of the events of some types that were stored at a moment.
/// \throws ...  what events_in without a moment and as_of::in throw
template <Event First, Event... E, Storage Store>
[[nodiscard]] std::vector<stored_event<typename Store::data_type>> events_in(Store& storage, const as_of& moment) {
  return events_in(storage, query::of<First, E...>(), moment);
}

}  // namespace must
