// SPDX-License-Identifier: MIT
// load and events_in: a state, or the events themselves, read from a store.
#pragma once

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

/// A state as a store has it. `seen` may become the `after` of an append condition.
template <typename S>
struct loaded {
  S state{};                  ///< as the events make it
  position seen = 0;          ///< the head of the store when it was read
  must::version version = 0;  ///< of the last event that was folded, in its stream; 0 when there is none
};

/// Reads one state: `must::load(store, must::stream<Account>("a1"))`.
/// \throws version_conflict (at_version), codec_error, erased_error, storage_error
/// Costs the events of the boundary.
template <Storage Store, State S>
[[nodiscard]] loaded<S> load(Store& storage, dependency<S> from) {
  detail::pipeline::folding<dependency<S>, typename Store::data_type> folding(std::move(from));
  folding.catch_up(storage);
  folding.keep(storage);
  if (const auto mismatch = folding.mismatch()) raise(to_error(*mismatch));
  const auto& only = std::get<0>(folding.folds());
  return {only.states(), folding.condition().after, only.last_version()};
}

/// A record that can be read as the events it may be.
template <typename Data>
struct stored_event : recorded<Data> {
  /// The event, when this is an E of any known version, converted to the current one.
  /// \throws codec_error, erased_error  when it is one that cannot be read
  template <Event E>
  [[nodiscard]] std::optional<E> as() const {
    std::optional<E> found;
    detail::coding::with_event<E>(*this, [&](const E& event) { found.emplace(event); });
    return found;
  }

  /// Calls `visitor(event)` with the first E that this is; says whether it is any of them.
  /// A store of the user's structs needs no E: then the visitor gets the struct that is stored, if it takes it.
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

/// The events that match, copied out of the store. For more than fits into memory use storage.read.
/// \throws bad_input (query, limit), storage_error
template <Storage Store>
[[nodiscard]] std::vector<stored_event<typename Store::data_type>> events_in(Store& storage, const query& which,
                                                                             const read_options& options = {}) {
  using data_type = typename Store::data_type;
  std::vector<stored_event<data_type>> found;
  static_cast<void>(storage.read(
      which, options, [&](const recorded<data_type>& record) { found.push_back(stored_event<data_type>{record}); }));
  return found;
}

/// The events of the types E, by every name under which they may be stored: `must::events_in<Opened, Closed>(store)`.
/// \throws bad_input (limit), storage_error
template <Event First, Event... E, Storage Store>
[[nodiscard]] std::vector<stored_event<typename Store::data_type>> events_in(Store& storage,
                                                                             const read_options& options = {}) {
  return events_in(storage, query::of<First, E...>(), options);
}

}  // namespace must
