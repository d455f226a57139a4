// SPDX-License-Identifier: MIT
// Pauses between attempts to connect.
#include "must/delivery/kit/back_off.hpp"
#include "must/error.hpp"
#include "support/catch.hpp"

#include <chrono>
#include <set>
#include <stop_token>
#include <thread>

using namespace std::chrono_literals;
using must::kit::back_off;

TEST_CASE("back_off: each pause lies between half of its bound and the whole, and the bound doubles", "[delivery]") {
  for (int run = 0; run < 200; ++run) {
    back_off pauses({.first = 100us, .longest = 1ms});
    for (const auto bound : {100us, 200us, 400us, 800us, 1'000us, 1'000us}) {
      const auto pause = pauses.next();
      CHECK(pause >= bound / 2);
      CHECK(pause <= bound);
    }
    CHECK(pauses.failures() == 6);
    pauses.reset();
    CHECK(pauses.failures() == 0);
    CHECK(pauses.next() <= 100us);
  }
}

TEST_CASE("back_off: pauses of the same attempt differ", "[delivery]") {
  std::set<std::chrono::microseconds> seen;
  for (int i = 0; i < 50; ++i) seen.insert(back_off({.first = 10s, .longest = 10s}).next());
  CHECK(seen.size() > 10);
}

TEST_CASE("back_off: the longest spans do not overflow", "[delivery]") {
  const auto century = std::chrono::microseconds(24h * 365 * 100);
  back_off pauses({.first = century, .longest = century});
  for (int i = 0; i < 5; ++i) CHECK(pauses.next() >= century / 2);
  back_off shortest({.first = 1us, .longest = 1us});
  CHECK(shortest.next() == 1us);
}

TEST_CASE("back_off: a stop ends a pause", "[delivery]") {
  back_off pauses({.first = 1h, .longest = 1h});
  std::stop_source stop;
  bool went_on = true;
  std::thread waiting([&] { went_on = pauses.rest(stop.get_token()); });
  stop.request_stop();
  waiting.join();
  CHECK_FALSE(went_on);

  back_off short_ones({.first = 1us, .longest = 1us});
  CHECK(short_ones.rest({}));
}

TEST_CASE("back_off: spans out of range are refused", "[delivery]") {
  CHECK_THROWS_AS(back_off({.first = 0us}), must::bad_input);
  CHECK_THROWS_AS(back_off({.first = 2s, .longest = 1s}), must::bad_input);
  CHECK_THROWS_AS(back_off({.longest = std::chrono::microseconds::max()}), must::bad_input);
}
