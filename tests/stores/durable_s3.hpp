// SPDX-License-Identifier: MIT
// durable_store on a server of S3, each in a place of its own in the bucket.
#pragma once

#include "must/storage/durable.hpp"
#include "must/storage/objects/s3.hpp"
#include "must/testing/storage_suite.hpp"

#include "servers/s3.hpp"
#include "support/skip.hpp"

#include <optional>
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

struct durable_s3_fixture {
  using store_type = must::durable_store<must::s3_objects>;
  static std::string name() { return "durable_store on S3"; }
  static std::string tags() { return "[durable][s3][servers]"; }
  static constexpr must::testing::capabilities capabilities{
      .cells = true, .batches = true, .waiting = true, .shared = true, .durable = true};
  static bool is_available() { return has_s3(); }

  [[nodiscard]] store_type open() const {
    return store_type(must::s3_objects(options),
                      {.compact_every = 50, .segment_bytes = 65'536, .grace = must::duration(200'000)});
  }
  store_type& store() {
    if (!store_) reopen();
    return *store_;
  }
  store_type& other() {
    if (!other_) other_.emplace(opened{*this});
    return *other_;
  }
  void reopen() {
    store_.reset();
    store_.emplace(opened{*this});
  }
  void close() {
    store_.reset();
    other_.reset();
  }

  must::s3_options options = s3_server::instance().options();

 private:
  // A store cannot be moved, and so is made in place.
  struct opened {
    const durable_s3_fixture& of;
    operator store_type() const { return of.open(); }
  };
  std::optional<store_type> store_{}, other_{};
};

}  // namespace must_test
