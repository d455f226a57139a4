// SPDX-License-Identifier: MIT
// The list of stores. Every suite runs on each of them: a new store joins by a header here and a line in `all_stores`.
//
// A store of the list is a class, made anew for each test, whose store is empty at first:
//   name(), tags()   what its tests are called, as in "sqlite_store", and their tags, as in "[sqlite]"
//   capabilities     what the store can do, as the storage suite has it
//   is_available()   whether it can be tested here; else its tests are skipped, and this says why
//   store()          the store, opened when it is first asked for
//   data(n)          for a store of structs: different data for different n
//   other()          the same store by another connection where `capabilities.shared`, else store() itself
//   reopen()         where `capabilities.durable`: closes the store and opens it again
//   close()          where durable: closes what is open, as must be before a fork
//   open()           where durable: one more store on the same data, as a value; for processes of their own
//   folder           where durable: a temporary folder, with room for files of the test
//   has_copies()     for one that can be put back from a copy: whether that can be tested here, else it says why not
//   save()           of such a one: copies the store
//   put_back()       of such a one: the store becomes the copy again, under whoever has it open
//   counts           where `capabilities.transactions`: a class, made of the fixture, which counts in a transaction:
//                    add(transaction, what) adds 1, all() gives the counts by name
//
// A test of each store stands in a file named for what it tests, with what it needs of a store:
//   EACH_STORE_TEST_CASE(with_cells, "subscription: nothing is lost on each store", "[subscription]") {
//     Store fixture;
//     must::subscription follows(fixture.store(), ...);
//   }
// It becomes one test for each store, in whose name "each store" is the name of the store. What it may need is below:
// any_store, with_payloads, with_cells, with_cells_or_log, plain_with_cells, with_transactions, with_processes,
// with_copies.
#pragma once

#include "must/testing/suite/expect.hpp"

#include "stores/durable.hpp"
#include "stores/log.hpp"
#include "stores/memory.hpp"
#include "support/catch.hpp"

#ifndef MUST_TESTS_WITHOUT_AVRO
#include "stores/avro.hpp"
#endif
#ifndef MUST_TESTS_WITHOUT_SQLITE
#include "stores/decorated.hpp"
#include "stores/sqlite.hpp"
#endif
#ifndef MUST_TESTS_WITHOUT_POSTGRES
#include "stores/postgres.hpp"
#endif

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

namespace must_test {

template <typename... Store>
struct store_list {};

using all_stores = store_list<
#ifndef MUST_TESTS_WITHOUT_SQLITE
    sqlite_fixture,
#ifndef MUST_TESTS_OF_PLAIN_STORES
    context_of<sqlite_fixture>,
#endif
#endif
#ifndef MUST_TESTS_WITHOUT_POSTGRES
    postgres_fixture,
#endif
#ifndef MUST_TESTS_WITHOUT_AVRO
    avro_fixture,
#endif
    memory_fixture, structs_fixture, log_fixture, durable_fixture>;

// Stores over a log of commits. They share most of their code.
template <typename Store>
inline constexpr bool is_on_a_log = requires { typename Store::on_a_log; };

struct any_store {
  template <typename Store>
  static constexpr bool takes = true;
};
// Stores of cloud events, but for those on a log.
struct with_payloads {
  template <typename Store>
  static constexpr bool takes =
      std::is_same_v<must::testing::suite::data_of<Store>, must::payload> && !is_on_a_log<Store>;
};
// Stores of cloud events that keep cells: what subscriptions, models and deliveries need.
struct with_cells {
  template <typename Store>
  static constexpr bool takes = with_payloads::takes<Store> && Store::capabilities.cells;
};
// The same, and those on a log, which are in one case of each suite that stands on cells: so much compiles quickly.
struct with_cells_or_log {
  template <typename Store>
  static constexpr bool takes = with_cells::takes<Store> || is_on_a_log<Store>;
};
// The same as with_cells, but for stores that decorate another.
struct plain_with_cells {
  template <typename Store>
  static constexpr bool takes = with_cells::takes<Store> && !requires { typename Store::decorated; };
};
struct with_transactions {
  template <typename Store>
  static constexpr bool takes = with_cells::takes<Store> && Store::capabilities.transactions;
};
// Stores that other processes may open.
struct with_processes {
  template <typename Store>
  static constexpr bool takes = with_transactions::takes<Store> && Store::capabilities.durable;
};

// Stores that can be put back from a copy.
struct with_copies {
  template <typename Store>
  static constexpr bool takes = with_transactions::takes<Store> && requires(Store& fixture) { fixture.put_back(); };
};

// Registers Test<Store>::run for each store that is wanted.
template <typename Wanted, template <typename> typename Test>
class test_of_each_store {
 public:
  test_of_each_store(std::string_view name, std::string_view tags) { add_all(name, tags, all_stores{}); }

 private:
  template <typename... Store>
  static void add_all(std::string_view name, std::string_view tags, store_list<Store...>) {
    (add<Store>(name, tags), ...);
  }
  template <typename Store>
  static void add(std::string_view name, std::string_view tags) {
    if constexpr (Wanted::template takes<Store>) {
      std::string text(name);
      constexpr std::string_view place = "each store";
      text.replace(text.find(place), place.size(), Store::name());  // throws for a name without "each store"
      const auto own_tags = std::string(tags) + Store::tags();
      REGISTER_TEST_CASE(&run<Store>, text.c_str(), own_tags.c_str());
    }
  }
  template <typename Store>
  static void run() {
    if (Store::is_available()) Test<Store>::run();
  }
};

}  // namespace must_test

#define EACH_STORE_TEST_CASE_JOINED(a, b) a##b
#define EACH_STORE_TEST_CASE_NAMED(test, wanted, name, tags)                                                      \
  namespace {                                                                                                     \
  template <typename Store>                                                                                       \
  struct test {                                                                                                   \
    static void run();                                                                                            \
  };                                                                                                              \
  const ::must_test::test_of_each_store<::must_test::wanted, test> EACH_STORE_TEST_CASE_JOINED(test, _all)(name,  \
                                                                                                           tags); \
  }                                                                                                               \
  template <typename Store>                                                                                       \
  void test<Store>::run()
#define EACH_STORE_TEST_CASE_AT(line, wanted, name, tags) \
  EACH_STORE_TEST_CASE_NAMED(EACH_STORE_TEST_CASE_JOINED(each_store_, line), wanted, name, tags)
#define EACH_STORE_TEST_CASE(wanted, name, tags) EACH_STORE_TEST_CASE_AT(__LINE__, wanted, name, tags)
