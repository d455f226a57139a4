// SPDX-License-Identifier: MIT
// The version, and what a compiler needs for `must`.
#pragma once

#include "must/version.hpp"  // IWYU pragma: export

// A file that is not there stops the compiler: what it says of the headers that follow would bury the sentence.
#if __cplusplus < 202002L
#error "must needs C++20: compile with -std=c++20 or later."
#include "must/stops_here"
#elif defined(__clang__) && __clang_major__ < 14
#error "must needs clang 14 or later."
#include "must/stops_here"
#elif !defined(__clang__) && defined(__GNUC__) && __GNUC__ < 12
#error "must needs GCC 12 or later."
#include "must/stops_here"
#endif
