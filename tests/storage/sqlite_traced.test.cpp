// SPDX-License-Identifier: MIT
#include "must/storage/traced.hpp"
#include "must/subscription.hpp"

#include "stores/sqlite.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

using namespace must_test;

namespace {

struct kinds {
  void started(const must::operation&) noexcept {}
  void stopped(const must::operation& what, std::int64_t, const must::error* why) noexcept {
    if (what.kind == must::operation_kind::read) return;
    seen.push_back(std::string(must::name_of(what.kind)) + " " + std::string(what.id) +
                   (why == nullptr ? "" : ": " + why->message));
  }
  std::vector<std::string> seen{};
};

}  // namespace

TEST_CASE("traced: an append with work, and a handler in the transaction of its checkpoint, are told", "[storage]") {
  const temporary_folder folder;
  must::sqlite_store inner(on(folder.file()));
  kinds observer;
  must::traced store(inner, observer);
  auto first = event("1"), second = event("2");
  CHECK(store.append_with(std::span(&first, 1), {}, [](must::sqlite_transaction&) {}));
  CHECK_THROWS_AS(store.append_with(std::span(&second, 1), {},
                                    [](must::sqlite_transaction&) { throw std::runtime_error("not now"); }),
                  std::runtime_error);
  int calls = 0;
  must::subscription follows(store, "name", must::query::all(),
                             [&](must::sqlite_transaction&, const must::recorded<must::payload>&) {
                               if (++calls == 1) throw std::runtime_error("not yet");
                             },
                             {.on_failure = {.attempts = 2, .delay = must::duration{1}}});
  CHECK(follows.run_once() == 1);
  CHECK(observer.seen == std::vector<std::string>{"append 1", "append 2: not now", "handler 1: not yet", "handler 1"});
}
