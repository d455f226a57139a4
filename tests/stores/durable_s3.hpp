// SPDX-License-Identifier: MIT
// durable_store on a server of S3, each in a place of its own in the bucket.
#pragma once

#include "must/storage/durable.hpp"
#include "must/storage/objects/s3.hpp"
#include "must/testing/storage_suite.hpp"

#include "servers/s3.hpp"
#include "stores/made_by_open.hpp"
#include "support/skip.hpp"

#include <string>
#include <utility>

namespace must_test {

// Whether there is a server; says why not.
inline bool has_s3() {
  const auto why = s3_server::instance().reason();
  if (!why.empty()) skip(why, "servers");
  return why.empty();
}
// Whether there is one that a test may kill.
inline bool has_own_s3() {
  if (!has_s3()) return false;
  const bool is_own = s3_server::instance().is_own();
  if (!is_own) skip("the server that MUST_TEST_S3 names is not the test's own");
  return is_own;
}

struct durable_s3_place {
  must::s3_options options = s3_server::instance().options();
};

struct durable_s3_fixture : durable_s3_place, made_by_open<durable_s3_fixture, must::durable_store<must::s3_objects>> {
  static std::string name() { return "durable_store on S3"; }
  static std::string tags() { return "[durable][s3][servers]"; }
  static constexpr must::testing::capabilities capabilities{
      .cells = true, .batches = true, .waiting = true, .shared = true, .durable = true};
  static bool is_available() { return has_s3(); }

  [[nodiscard]] store_type open() const {
    return store_type(must::s3_objects(options),
                      {.compact_every = 50, .segment_bytes = 65'536, .grace = must::duration(200'000)});
  }
};

}  // namespace must_test
