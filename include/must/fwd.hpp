// SPDX-License-Identifier: MIT
// The names of the core, for headers that only mention them.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <cstdint>

/// Event sourcing: commands are decided, what they come to is stored as events, and everything else follows those.
namespace must {

/// The place of an event in the one global order of a store: 1, 2, 3 ... in commit order; 0 is before the first.
using position = std::uint64_t;

/// The place of an event in its stream: 1, 2, 3 ... without gaps; 0 is "no such stream".
using version = std::uint64_t;

struct error;
class exception;
class refusal;
template <typename Value, typename Error = error>
class [[nodiscard]] result;
template <typename Error>
class unexpected;

struct timestamp;
class payload;
template <typename Data>
struct basic_event;
template <typename Data>
struct recorded;

class query;
struct read_options;
struct append_condition;

}  // namespace must
