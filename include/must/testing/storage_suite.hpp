// SPDX-License-Identifier: MIT
// The public suite for any Storage: what every store must show, case by case, in any test framework or none.
#pragma once

#include "must/one_of.hpp"
#include "must/record.hpp"
#include "must/storage.hpp"
#include "must/storage/memory.hpp"
#include "must/storage/transactional.hpp"
#include "must/storage/waitable.hpp"
#include "must/testing/suite/append_cases.hpp"
#include "must/testing/suite/dense_positions.hpp"
#include "must/testing/suite/differential.hpp"
#include "must/testing/suite/expect.hpp"
#include "must/testing/suite/other_cases.hpp"
#include "must/testing/suite/query_cases.hpp"
#include "must/testing/suite/race_cases.hpp"
#include "must/testing/suite/sharing_cases.hpp"
#include "must/testing/suite/visibility_cases.hpp"

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <vector>

namespace must::testing {

/// The abilities of a store beside Storage. The suite does not compile for a store whose concepts are others than are
/// declared here.
struct capabilities {
  bool cells = false;         ///< The store is a CellStorage.
  bool batches = false;       ///< The store is a BatchStorage.
  bool waiting = false;       ///< The store is a WaitableStorage.
  bool transactions = false;  ///< The store is a TransactionalStorage.
  bool shared = false;        ///< The fixture has `other()`, the same store by another connection or process.
  bool durable = false;       ///< The fixture has `reopen()`, which closes the store and opens it again.
  bool gapless = true;        ///< Positions are 1, 2, 3 ... Otherwise they increase with gaps.
};

/// One case of the suite.
struct storage_case {
  std::string id;        ///< The name of the case, such as "A1".
  std::string says;      ///< The sentence that a store has to make true.
  void (*run)();         ///< Runs the case. It throws assertion_failed when the sentence is not true.
  bool is_race = false;  ///< Whether the case takes several threads.
};

/// What became of a run of the whole suite.
struct suite_result {
  int passed = 0;                       ///< The number of cases that hold.
  std::vector<std::string> failures{};  ///< The cases that fail, and what was expected and found.
};

namespace suite {

template <typename Data>
struct memory_reference;
template <>
struct memory_reference<payload> {
  using type = memory_store<>;
};
template <typename... Event>
struct memory_reference<one_of<Event...>> {
  using type = memory_store<Event...>;
};

template <typename F>
struct beside_memory {
  std::unique_ptr<F> fixture = std::make_unique<F>();
  std::unique_ptr<typename memory_reference<data_of<F>>::type> reference =
      std::make_unique<typename memory_reference<data_of<F>>::type>();
  auto& first() { return fixture->store(); }
  auto& second() { return *reference; }
};
template <typename F>
void same_as_memory() {
  compare_histories<data_of<F>>(30, [](std::uint64_t n) { return data<F>(n); }, [] { return beside_memory<F>(); });
}

template <typename F>
std::vector<storage_case> all_cases() {
  using store_type = store_of<F>;
  static_assert(Storage<store_type>, "must: the store of the fixture is not a Storage");
  static_assert(CellStorage<store_type> == F::capabilities.cells,
                "must: the fixture declares cells as the store has them");
  static_assert(BatchStorage<store_type> == F::capabilities.batches,
                "must: the fixture declares batches as the store has them");
  static_assert(WaitableStorage<store_type> == F::capabilities.waiting,
                "must: the fixture declares waiting as the store has it");
  static_assert(TransactionalStorage<store_type> == F::capabilities.transactions,
                "must: the fixture declares transactions as the store has them");
  using A = append_cases<F>;
  using Q = query_cases<F>;
  using R = race_cases<F>;
  using L = limit_cases<F>;
  using V = visibility_cases<F>;
  std::vector<storage_case> all{
      {"A1", "positions start at 1 and are contiguous in an append", &A::a1_positions},
      {"A2", "an append of nothing is refused", &A::a2_nothing},
      {"A3", "one bad event stores nothing of its append", &A::a3_atomic},
      {"A4", "expectations of a stream hold exactly, and a conflict says why", &A::a4_expectations},
      {"A5", "one of many with the same expected version wins", &R::a5_one_winner, true},
      {"A6", "versions are dense in each stream", &A::a6_versions},
      {"A6r", "all unconditional appends succeed, with dense versions", &R::a6_all_succeed, true},
      {"A7", "1, 1,000 and 10,000 events fit into one append", &A::a7_sizes},
      {"A8", "the envelope comes back exactly", &A::a8_envelope},
      {"A9", "success means readable, and recorded_at never decreases", &A::a9_readable},
      {"I1", "a repeat gives the first result", &A::i1_repeat},
      {"I2", "a known id with other content is refused", &A::i2_other_content},
      {"I3", "an id twice in one append is refused", &A::i3_twice_in_one},
      {"I4", "an append whose answer was lost is stored once, however often it is sent", &R::i4_sent_again, true},
      {"I5", "parts, permutations and mixtures of earlier appends are refused", &A::i5_overlaps},
      {"I6", "input, identity and condition are checked in this order", &A::i6_order_of_checks},
      {"I7", "time, extensions and the order of tags are no content", &A::i7_content},
      {"D1", "queries match by the truth table, in both directions", &Q::d1_truth_table},
      {"D2", "windows, limits, head, scanned and complete", &Q::d2_windows},
      {"D3", "conditions hold by the truth table", &Q::d3_conditions},
      {"D4", "an empty read guards", &Q::d4_empty_boundary},
      {"D5", "an append does not trip over itself", &Q::d5_not_over_itself},
      {"D6", "barrier race: one of 8, 16, 64 racers on one tag wins", &R::d6_barrier_race, true},
      {"D7", "staggered race: who read while another committed loses", &R::d7_staggered_race, true},
      {"D8", "events with more tags than a condition names are seen", &Q::d8_more_tags_than_named},
      {"D8r", "write skew over tags and over types does not happen", &R::d8_write_skew, true},
      {"D9", "disjoint boundaries never conflict", &R::d9_disjoint, true},
      {"D10", "an unconditional append makes a pending condition fail", &Q::d10_unconditional},
      {"D11", "history oracle: a replay proves every conditional append", &R::d11_history_oracle, true},
      {"D12", "long tags match exactly", &L::d12_tags},
      {"D13", "an append knows a history that is not the one that was seen", &Q::d13_history},
      {"R1", "a stream by windows of versions, and in batches", &Q::r1_stream_windows},
      {"R2", "a read does not see beyond its head", &Q::r2_head_is_fixed},
      {"R3", "order in each stream is the global order", &Q::r3_global_order},
      {"R4", "a visitor stops, throws, reads, appends", &Q::r4_visitors},
      {"R5", "a read that was stopped says where it has come to", &Q::r5_scanned},
      {"V1", "a follower of the tail misses nothing, under many writers and conflicts", &V::v1_tail, true},
      {"V2", "nor under writers that are slow to commit", &V::v2_slow_writers, true},
      {"V3", "appends that come to nothing leave no hole", &V::v3_no_holes},
      {"V4", "readers go on beside a long transaction, or wait for its end", &V::v4_long_transaction, true},
      {"V5", "nothing turns up behind what was seen of the tail", &V::v5_overlapping_samples, true},
      {"Z7", "hostile names are matched exactly or refused", &L::z7_hostile_names},
      {"Z8", "limits: at them stored, above them refused", &L::z8_limits},
      {"M1", "random histories give the answers of memory_store", &same_as_memory<F>}};
  if constexpr (F::capabilities.cells)
    all.push_back({"S8", "cells are compared and set", &cell_cases<F>::s8_compare_and_set, true});
  if constexpr (F::capabilities.batches)
    all.push_back({"B1", "each item of a batch has its own condition and result", &batch_cases<F>::b1_batches});
  if constexpr (F::capabilities.waiting)
    all.push_back(
        {"W1", "an append wakes who waits; a timeout and a stop end the wait", &wait_cases<F>::w1_waiting, true});
  if constexpr (F::capabilities.transactions) {
    all.push_back(
        {"T1", "the caller's work is done with an append, or neither is", &transaction_cases<F>::t1_with_an_append});
    all.push_back(
        {"S9", "a view and its checkpoint are written together, or neither is", &transaction_cases<F>::s9_with_a_cell});
  }
  if constexpr (F::capabilities.shared) {
    all.push_back({"A9o", "success means readable by another connection", &sharing_cases<F>::a9_readable_elsewhere});
    all.push_back({"Z5", "over two connections, one of many racers wins", &sharing_cases<F>::z5_one_winner, true});
    all.push_back(
        {"Z5t", "over two connections, a follower of the tail misses nothing", &sharing_cases<F>::z5_tail, true});
  }
  if constexpr (F::capabilities.durable)
    all.push_back({"Z6", "what was stored is there when the store is opened again", &durable_cases<F>::z6_reopened});
  return all;
}

}  // namespace suite

/// Returns all cases for the store of a fixture. Each case makes a fixture of its own.
///
/// A fixture is default-constructible. It has `store()`, which returns a Storage that is empty at first, and
/// `static constexpr must::testing::capabilities capabilities`. It has `other()` and `reopen()` if those say so. A
/// fixture of a store of structs has `static data_type data(n)`, which returns different data for different n. Races
/// and random histories take their seed from the environment variable MUST_TEST_SEED, and name it when they fail. When
/// positions have gaps, the cases see the n-th event at position n.
template <typename F>
[[nodiscard]] std::vector<storage_case> storage_cases() {
  if constexpr (!F::capabilities.gapless)
    return suite::all_cases<suite::dense_fixture<F>>();
  else
    return suite::all_cases<F>();
}

/// Runs every case for the store of a fixture, and calls `report(case, why)` after each. `why` is empty for a case that
/// passed. What a case throws is a failure of the case, and is not passed on. \see storage_cases
template <typename F, typename Report>
suite_result run_storage_suite(Report&& report) {
  suite_result done;
  for (const auto& one : storage_cases<F>()) {
    std::string why;
    try {
      one.run();
      ++done.passed;
    } catch (const std::exception& failure) {
      why = failure.what();
      done.failures.push_back(one.id + " " + one.says + ": " + why);
    }
    report(one, why);
  }
  return done;
}

}  // namespace must::testing
