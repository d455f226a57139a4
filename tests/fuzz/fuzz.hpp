// SPDX-License-Identifier: MIT
// What the fuzzers share: a check that aborts, fields of an input, and with MUST_REPLAY a program that replays files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace fuzz {

inline void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

// Takes what stands before the next separator away; all that is left when there is none.
inline std::string_view take_field(std::string_view& input, char separator = '\n') {
  const auto end = input.find(separator);
  const auto field = input.substr(0, end);
  input.remove_prefix(end == std::string_view::npos ? input.size() : end + 1);
  return field;
}

// A number from the digits, and the sign, that a field starts with.
inline std::int64_t take_number(std::string_view& input, char separator = '\n') {
  return std::strtoll(std::string(take_field(input, separator)).c_str(), nullptr, 10);
}

}  // namespace fuzz

#ifdef MUST_REPLAY
int main(int count, char** files) {
  for (int i = 1; i < count; ++i) {
    std::FILE* const file = std::fopen(files[i], "rb");
    fuzz::expect(file != nullptr, files[i]);
    std::string text;
    for (int c = 0; (c = std::fgetc(file)) != EOF;) text += static_cast<char>(c);
    std::fclose(file);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  }
  std::printf("replayed %d files\n", count - 1);
}
#endif
