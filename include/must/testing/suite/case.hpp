// SPDX-License-Identifier: MIT
// A case of the storage suite: its id, its sentence, and how it is run.
#pragma once

#include "must/testing/assertion_failed.hpp"
#include "must/timestamp.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace must::testing {

/// What the store of a fixture can do beyond Storage. What is not declared is proven to be absent.
struct capabilities {
  bool cells = false;        ///< it is a CellStorage
  bool batches = false;      ///< it is a BatchStorage
  bool waitable = false;     ///< it is a WaitableStorage
  bool connections = false;  ///< `other()`: a second connection to the same store
  bool durable = false;      ///< `reopen()`: closes every connection and opens the store again
};

/// How the suite runs: the seed of everything that is random, and how much of it there is.
struct suite_options {
  std::uint64_t seed = default_seed();
  std::size_t rounds = 20;             ///< of each barrier race
  std::size_t steps = 400;             ///< appends of each random history, in all
  duration patience{std::int64_t{10'000'000}};  ///< how long something may take that should happen soon

  /// MUST_TEST_SEED from the environment, else another one every time.
  [[nodiscard]] static std::uint64_t default_seed() {
    if (const char* given = std::getenv("MUST_TEST_SEED"); given != nullptr && *given != '\0')
      return std::strtoull(given, nullptr, 10);
    return static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count()) % 1'000'000'007;
  }
};

/// What a case came to. `absent`: the fixture does not declare the capability, and the store does not have it.
enum class verdict : std::uint8_t { passed, absent, failed };

/// One case: `run()` returns passed or absent, and throws assertion_failed otherwise.
class suite_case {
 public:
  using function = bool (*)(const suite_options&, bool& random);

  suite_case(std::string_view group, std::string_view id, std::string_view sentence, function body,
             const suite_options& options)
      : group_(group), id_(id), sentence_(sentence), body_(body), options_(options) {}

  /// "append", "identity", "query", "reading", "visibility", "races", "cells", "batches", "waiting", "names",
  /// "limits", "histories".
  [[nodiscard]] std::string_view group() const noexcept { return group_; }
  /// The number of the behaviour: "A4". Several cases may show one behaviour.
  [[nodiscard]] std::string_view id() const noexcept { return id_; }
  [[nodiscard]] std::string_view sentence() const noexcept { return sentence_; }
  [[nodiscard]] std::uint64_t seed() const noexcept { return options_.seed; }

  /// \throws assertion_failed  with id, sentence, what was expected, what was found, and the seed if there is one
  verdict run() const {
    bool random = false;
    try {
      return body_(options_, random) ? verdict::passed : verdict::absent;
    } catch (const assertion_failed& why) {
      throw assertion_failed(text(why.what(), random));
    } catch (const std::exception& why) {
      throw assertion_failed(text(std::string("unexpected exception: ") + why.what(), random));
    } catch (...) {
      throw assertion_failed(text("unexpected exception of unknown type", random));
    }
  }

 private:
  [[nodiscard]] std::string text(const std::string& why, bool random) const {
    auto made = std::string(id_) + ": " + std::string(sentence_) + "\n  " + why;
    if (random) made += "\n  again with MUST_TEST_SEED=" + std::to_string(options_.seed);
    return made;
  }

  std::string_view group_, id_, sentence_;
  function body_;
  suite_options options_;
};

namespace detail {

// Collects the cases of a group. A body is a lambda without captures that takes the bench.
template <typename Bench>
class suite_cases {
 public:
  suite_cases(std::vector<suite_case>& into, const suite_options& options) : into_(&into), options_(&options) {}

  void group(std::string_view name) { group_ = name; }

  template <typename Body>
  void add(std::string_view id, std::string_view sentence, Body) {
    add_if<true, true>(id, sentence, Body());
  }
  // For a capability: the body must be generic, and is compiled for stores that have it.
  template <bool Declared, bool Present, typename Body>
  void add_if(std::string_view id, std::string_view sentence, Body) {
    into_->emplace_back(group_, id, sentence, &run<Declared, Present, Body>, *options_);
  }

 private:
  template <bool Declared, bool Present, typename Body>
  static bool run(const suite_options& options, bool& random) {
    if constexpr (Declared && Present) {
      Bench bench(options, random);
      Body()(bench);
    } else {
      static_cast<void>(options), static_cast<void>(random);
      if (Declared) throw assertion_failed("the fixture declares the capability, and the store does not have it");
      if (Present) throw assertion_failed("the store has the capability, and the fixture does not declare it");
    }
    return Declared;
  }

  std::vector<suite_case>* into_;
  const suite_options* options_;
  std::string_view group_{};
};

}  // namespace detail

}  // namespace must::testing
