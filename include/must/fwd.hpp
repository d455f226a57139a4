// SPDX-License-Identifier: MIT
// The names of the core, for headers that only mention them.
#pragma once

#include "must/config.hpp"  // IWYU pragma: keep

#include <cstdint>

/// The event sourcing library `must`: commands come to events, which are stored, and everything else follows the
/// events.
namespace must {

/// The place of an event in the one order of a store. Positions are 1 or more and rise with each commit. They may have
/// gaps. 0 is before the first event.
using position = std::uint64_t;

struct version;

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
