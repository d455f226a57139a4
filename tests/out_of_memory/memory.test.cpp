// SPDX-License-Identifier: MIT
// memory_store where an allocation fails; and the operators that let one fail, for the whole program.
#include "must/storage/memory.hpp"

#include "out_of_memory/failing_memory.hpp"
#include "support/catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>

using must_test::fails_for_ever;
using must_test::left;
using must_test::live;

void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  if (left == 0) {
    if (!fails_for_ever) left = -1;
    return nullptr;
  }
  if (left > 0) --left;
  void* const made = std::malloc(std::max<std::size_t>(size, 1));
  if (made != nullptr) ++live;
  return made;
}
void* operator new(std::size_t size) {
  if (void* const made = operator new(size, std::nothrow)) return made;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  if (memory != nullptr) --live;
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace {

using namespace must_test;

struct Noted {
  static constexpr auto type = "Noted";
  std::string text;
  bool operator==(const Noted&) const = default;
};

}  // namespace

TEST_CASE("memory_store: an allocation that fails within a batch leaves each item whole, or not stored", "[storage]") {
  for (const bool for_ever : {false, true}) {
    must::memory_store<> cloud;
    fail_within_batches(cloud, for_ever, 1'000, tagged_event);
    must::memory_store<Noted> structs;
    fail_within_batches(structs, for_ever, 1'000, [](std::string id, const char* stream) {
      must::basic_event<must::memory_store<Noted>::data_type> made;
      made.id = std::move(id);
      made.source = "/must";
      made.type = Noted::type;
      made.subject = stream;
      made.tags = {"t"};
      made.data = Noted{"a text of more than fifteen bytes"};
      return made;
    });
  }
}
