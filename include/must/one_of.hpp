// SPDX-License-Identifier: MIT
// one_of: an event of one of several types, as a store of structs keeps it.
#pragma once

#include "must/detail/members.hpp"
#include "must/error.hpp"

#include <cstddef>
#include <cstdint>
#include <new>  // IWYU pragma: keep
#include <type_traits>
#include <utility>

namespace must {

namespace detail {

// What one_of does with an event behind its back; one function each, whatever the number of types.
struct event_operations {
  void (*copy)(void* to, const void* from);
  void (*move)(void* to, void* from);
  void (*destroy)(void* what);
};
template <typename Event>
struct operations_on {
  static void copy(void* to, const void* from) { ::new (to) Event(*static_cast<const Event*>(from)); }
  static void move(void* to, void* from) { ::new (to) Event(std::move(*static_cast<Event*>(from))); }
  static void destroy(void* what) { static_cast<Event*>(what)->~Event(); }
  static bool equal(const void* left, const void* right) {
    return content_equal(*static_cast<const Event*>(left), *static_cast<const Event*>(right));
  }
  template <typename Visitor>
  static void visit(Visitor& visitor, const void* what) {
    visitor(*static_cast<const Event*>(what));
  }
};

template <std::size_t... Number>
constexpr std::size_t largest() {
  std::size_t most = 1;
  ((most = Number > most ? Number : most), ...);
  return most;
}

}  // namespace detail

/// An event of one of the types E, or nothing. It is the data of a store of structs. \see memory_store
///
/// It is like std::variant, but its cost for compilers grows with the number of types and not with its square. It holds
/// nothing when it is default-constructed, and when moving or copying an event into it throws.
template <typename... E>
class one_of {
 public:
  /// Whether Event is one of the types.
  template <typename Event>
  static constexpr bool names = (std::is_same_v<Event, E> || ...);

  /// Holds nothing.
  one_of() noexcept = default;
  /// Holds the event.
  template <typename Event>
    requires names<std::remove_cvref_t<Event>>
  one_of(Event&& event) {
    using type = std::remove_cvref_t<Event>;
    ::new (static_cast<void*>(bytes_)) type(std::forward<Event>(event));
    kind_ = kind_of<type>;
  }
  /// Holds what the other holds. \throws what copying it throws
  one_of(const one_of& other) { copy_from(other); }
  /// Holds what the other held, which keeps an event that was moved from. \throws what moving it throws
  one_of(one_of&& other) noexcept(moves_quietly) { move_from(other); }
  /// Holds what the other holds. A copy that throws changes nothing.
  one_of& operator=(const one_of& other) {
    if (this != &other) *this = one_of(other);
    return *this;
  }
  /// Holds what the other held. \throws what moving it throws
  one_of& operator=(one_of&& other) noexcept(moves_quietly) {
    if (this == &other) return *this;
    reset();
    move_from(other);
    return *this;
  }
  ~one_of() { reset(); }

  /// Whether it holds an event.
  [[nodiscard]] bool has_value() const noexcept { return kind_ != nothing; }
  /// Returns the event when it is an Event, and a null pointer otherwise.
  template <typename Event>
  [[nodiscard]] const Event* get_if() const noexcept {
    static_assert(names<Event>, "must: this event is none of those that are kept here");
    return kind_ == kind_of<Event> ? reinterpret_cast<const Event*>(bytes_) : nullptr;
  }
  /// Returns the event, which is to be an Event.
  /// \throws codec_error  when it is none
  template <typename Event>
  [[nodiscard]] const Event& get() const {
    if (const auto* event = get_if<Event>()) return *event;
    raise({.code = error_code::codec_error, .message = "the event is of another type than the one asked for"});
  }
  /// Calls `visitor(event)`, which takes an event of every type. \returns whether there is an event
  template <typename Visitor>
  bool visit(Visitor&& visitor) const {
    using visitor_type = std::remove_reference_t<Visitor>;
    constexpr void (*calls[])(visitor_type&,
                              const void*) = {&detail::operations_on<E>::template visit<visitor_type>...};
    if (has_value()) calls[kind_](visitor, bytes_);
    return has_value();
  }

  /// Compares events by ==, or, where a type has none, member by member, up to 16 members.
  friend bool operator==(const one_of& left, const one_of& right)
    requires(detail::is_content_comparable<E> && ...)
  {
    constexpr bool (*equals[])(const void*, const void*) = {&detail::operations_on<E>::equal...};
    return left.kind_ == right.kind_ && (!left.has_value() || equals[left.kind_](left.bytes_, right.bytes_));
  }

 private:
  static constexpr std::uint16_t nothing = UINT16_MAX;
  static constexpr bool moves_quietly = (std::is_nothrow_move_constructible_v<E> && ...);
  static constexpr detail::event_operations operations[] = {
      {&detail::operations_on<E>::copy, &detail::operations_on<E>::move, &detail::operations_on<E>::destroy}...};
  static_assert(sizeof...(E) < nothing);

  template <typename Event>
  static consteval std::uint16_t find_kind() {
    constexpr bool is_it[] = {std::is_same_v<Event, E>...};
    std::uint16_t kind = 0;
    while (kind < sizeof...(E) && !is_it[kind]) ++kind;
    return kind;
  }
  template <typename Event>
  static constexpr std::uint16_t kind_of = find_kind<Event>();

  // These find nothing here.
  void copy_from(const one_of& other) {
    if (!other.has_value()) return;
    operations[other.kind_].copy(bytes_, other.bytes_);
    kind_ = other.kind_;
  }
  void move_from(one_of& other) {
    if (!other.has_value()) return;
    operations[other.kind_].move(bytes_, other.bytes_);
    kind_ = other.kind_;
  }
  void reset() noexcept {
    if (has_value()) operations[std::exchange(kind_, nothing)].destroy(bytes_);
  }

  alignas(E...) unsigned char bytes_[detail::largest<sizeof(E)...>()];
  std::uint16_t kind_ = nothing;
};

}  // namespace must
