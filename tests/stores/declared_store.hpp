// SPDX-License-Identifier: MIT
// A Storage that is only declared, but for read: enough for code that is compiled and never run.
#pragma once

#include "must/process_command.hpp"

namespace must_test {

template <typename Data>
struct declared_storage {
  using data_type = Data;
  must::append_result append(std::span<must::basic_event<Data>> events, const must::append_condition& condition);
  must::read_result read(const must::query&, const must::read_options&, auto&&) { return {}; }
  must::position head() const;
  must::version version(std::string_view stream) const;
  std::optional<must::recorded<Data>> find(std::string_view source, std::string_view id) const;
  const must::origin& origin() const;
};

template <typename... E>
struct declared_store : declared_storage<must::one_of<E...>> {};
template <>
struct declared_store<> : declared_storage<must::payload> {};

struct Done {
  static constexpr auto type = "Done";
};
inline declared_store<Done> store;

}  // namespace must_test

// What must not compile reads as a program of a user.
using must_test::declared_storage;
using must_test::declared_store;
using must_test::Done;
using must_test::store;
