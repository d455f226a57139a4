// SPDX-License-Identifier: MIT
// Fuzzes what is read from a PostgreSQL server: rows of events and arrays, in binary format.
//
// An input is the columns of one row, each after its size as a character: 'a' is 0, 'b' 1 ...; '-' is NULL.
#include "fuzz.hpp"

#include "must/storage/postgres.hpp"

using fuzz::expect;

namespace {

must::detail::postgres::pg_result row_of(std::string_view input) {
  constexpr int columns = must::detail::postgres::pg_column::data + 1;
  PGresult* const made = PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK);
  PGresAttDesc described[columns]{};
  char name[] = "c";
  for (auto& one : described) one.name = name, one.format = 1;
  PQsetResultAttrs(made, columns, described);
  for (int i = 0; i < columns; ++i) {
    const char sign = input.empty() ? '-' : input.front();
    if (!input.empty()) input.remove_prefix(1);
    const auto size = sign < 'a' ? std::size_t{0} : std::min(input.size(), static_cast<std::size_t>(sign - 'a'));
    std::string value(input.substr(0, size));
    input.remove_prefix(size);
    PQsetvalue(made, 0, i, value.data(), sign == '-' ? -1 : static_cast<int>(size));
  }
  return must::detail::postgres::pg_result(made);
}

// An answer of one row and column.
must::detail::postgres::pg_result answer_with(std::string_view bytes) {
  PGresult* const made = PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK);
  PGresAttDesc described{};
  char name[] = "c";
  described.name = name;
  PQsetResultAttrs(made, 1, &described);
  std::string value(bytes);
  PQsetvalue(made, 0, 0, value.data(), static_cast<int>(value.size()));
  return must::detail::postgres::pg_result(made);
}

// Refused, or as many elements as it says.
void arrays(std::string_view bytes) {
  const auto answer = answer_with(bytes);
  try {
    std::size_t size = 0;
    for (const auto element : answer.array(0, 0)) size += element.size();
    expect(size <= bytes.size(), "elements overlap");
  } catch (const must::storage_error&) {}
  try {
    static_cast<void>(answer.numbers<std::int64_t>(0, 0));
  } catch (const must::storage_error&) {}
  try {
    static_cast<void>(must::detail::postgres::known_of(answer, 0, 3));
  } catch (const must::storage_error&) {}
}

// What is sent is what the same format gives back.
void sent_arrays(std::string_view input) {
  must::detail::postgres::pg_array array(must::detail::postgres::pg_type::text);
  std::vector<std::string> sent;
  while (!input.empty()) sent.emplace_back(fuzz::take_field(input, ','));
  for (const auto& one : sent) array.add(one);
  const auto bytes = array.take();
  const auto answer = answer_with(bytes);
  const auto got = answer.array(0, 0);
  expect(std::equal(got.begin(), got.end(), sent.begin(), sent.end()), "an array is sent as another");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto row = row_of(input);
  try {
    if (!must::detail::postgres::is_cut(row, 0)) {
      auto record = must::detail::postgres::record_of(row, 0);
      must::detail::postgres::read_row(row, 0, record);
      expect(record == must::detail::postgres::record_of(row, 0), "memory that is used again shows");
    }
  } catch (const must::codec_error&) {
  } catch (const must::storage_error&) {}
  arrays(input);
  sent_arrays(input);
  return 0;
}
