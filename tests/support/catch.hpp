// SPDX-License-Identifier: MIT
// Catch2, be it version 2 or 3. Tests stay in what both have: no SKIP, no STATIC_CHECK, no TEMPLATE_LIST_TEST_CASE.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
namespace Catch {
using Detail::Approx;
#ifdef CATCH_CONFIG_RUNNER
using EventListenerBase = TestEventListenerBase;
#endif
}  // namespace Catch
#endif
