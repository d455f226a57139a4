// SPDX-License-Identifier: MIT
// What a process manager is made of (public): a state that turns its events into commands.
#pragma once

#include "must/codec/codec.hpp"
#include "must/decision.hpp"
#include "must/event.hpp"
#include "must/fwd.hpp"
#include "must/model/process_manager/events.hpp"
#include "must/process_command.hpp"  // IWYU pragma: keep
#include "must/record.hpp"
#include "must/storage/kit/validate.hpp"
#include "must/text/quoted.hpp"
#include "must/text/utf8.hpp"
#include "must/timestamp.hpp"

#include <algorithm>
#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>

namespace must {

/// Lists the commands that a process manager issues: `using commands = must::commands<Withdraw, Deposit>;`.
template <typename... C>
struct commands {};

namespace detail::model {

template <typename P, typename E>
concept reacts_with_record =
    requires(const P& process, const E& event, const event_record& record) { process.react(event, record); };
template <typename P, typename E>
concept reacts_alone = requires(const P& process, const E& event) { process.react(event); };
template <typename P, typename E>
concept reacts = requires(const E& event) {
  { P::key_of(event) } -> std::convertible_to<std::string>;
} && (reacts_alone<P, E> || reacts_with_record<P, E>);
template <typename P, typename List>
inline constexpr bool reacts_to_all = false;
template <typename P, typename... E>
inline constexpr bool reacts_to_all<P, events<E...>> = (reacts<P, E> && ...);
template <typename List>
inline constexpr bool encodable_all = false;
template <typename... C>
inline constexpr bool encodable_all<commands<C...>> = (Encodable<C> && ...);

}  // namespace detail::model

/// A process manager is a State that turns its events into commands. There is one state, an instance, for each key. It
/// is folded from the events of the key since one of `starts`. A process manager has these members:
///
/// - `using starts = must::events<...>;`, the events that begin an instance, and optionally `ends`, those that end it
/// - `using commands = must::commands<...>;`, the commands that it issues, each of which has a codec
/// - `static std::string key_of(const E&)` for each event, which returns the key of its instance, or "" for none
/// - `react(event) const` or `react(event, record) const` for each event, which is called after apply. The record is a
///   `const must::event_record&`.
/// - optionally `refused(command, const must::error&) const` for each command, and `on_deadline(name) const`
///
/// react, refused and on_deadline have no side effects and may run again. They return commands, process_deadline,
/// cancel_deadline and end_process, in any of the shapes in which be_translated_to_events returns events.
template <typename P>
concept ProcessManager = State<P> && requires {
  typename P::starts;
  typename P::commands;
} && detail::model::reacts_to_all<P, typename P::events> && detail::model::encodable_all<typename P::commands>;

namespace detail::model {

template <typename E, typename List>
inline constexpr bool is_listed = false;
template <typename E, typename... Listed>
inline constexpr bool is_listed<E, events<Listed...>> = (std::is_same_v<E, Listed> || ...);
template <typename P, typename E>
constexpr bool ends_with() {
  if constexpr (requires { typename P::ends; })
    return is_listed<E, typename P::ends>;
  else
    return false;
}
template <typename P, typename E>
decltype(auto) reaction_to(const P& process, const E& event, const event_record& record) {
  if constexpr (reacts_with_record<P, E>)
    return process.react(event, record);
  else
    return process.react(event);
}

// Refuses a text of a process that is no UTF-8.
inline void check_utf8(const char* field, std::string_view given) {
  if (!text::is_utf8(given)) kit::refuse_input(field, "is " + text::in_quotes(given) + ", which is no UTF-8");
}

// Turns what react returns into a decision.
class process_decision {
 public:
  process_decision(process_decided& into, timestamp now) : into_(into), now_(now) {}
  void operator()(const process_deadline& deadline) {
    check_utf8("deadline", deadline.name);
    const auto after = std::clamp(deadline.after.microseconds, -longest_span, longest_span);
    into_.deadlines.push_back({deadline.name, {.microseconds = now_.microseconds + after, .digits = 6}});
  }
  void operator()(const cancel_deadline& deadline) {
    check_utf8("deadline", deadline.name);
    into_.cancelled.push_back(deadline.name);
  }
  void operator()(const end_process&) { into_.ended = true; }
  template <Encodable C>
  void operator()(const C& command) {
    constexpr auto name = pipeline::command_type<C>();
    into_.commands.push_back({std::string(name.data(), name.size()), codec<C>::encode(command)});
  }

 private:
  process_decided& into_;
  timestamp now_;
};

}  // namespace detail::model
}  // namespace must
