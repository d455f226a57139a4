// SPDX-License-Identifier: MIT
// New versions of an event: what was stored years ago is read as the event that it is today.
#include <must/codec/json.hpp>
#include <must/must.hpp>
#include <must/storage/memory.hpp>

#include <iostream>
#include <string>
#include <utility>

// As it was at first.
struct NamedV1 {
  static constexpr auto type = "named";
  std::string stream, name;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(NamedV1, stream, name)

// As it is now: another shape, and another name.
struct PersonNamed {
  using previous = NamedV1;
  static constexpr auto type = "person-named";
  static constexpr auto former_types = "named";
  std::string stream, first, last;

  PersonNamed() = default;
  PersonNamed(std::string person, std::string first_name, std::string last_name)
      : stream(std::move(person)), first(std::move(first_name)), last(std::move(last_name)) {}
  explicit PersonNamed(const NamedV1& old)
      : stream(old.stream), first(old.name.substr(0, old.name.find(' '))), last(old.name.substr(first.size() + 1)) {}
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PersonNamed, stream, first, last)

struct Person {
  using events = must::events<PersonNamed>;  // those of every version
  std::string name;
  void apply(const PersonNamed& named) { name = named.last + ", " + named.first; }
};

int main() {
  must::memory_store<> store;
  must::append(store, NamedV1{"p1", "Ada Byron"});  // by a release of long ago
  std::cout << must::load(store, must::stream<Person>("p1")).state.name << '\n';

  must::append(store, PersonNamed{"p1", "Ada", "Lovelace"});
  std::cout << must::load(store, must::stream<Person>("p1")).state.name << '\n';

  store.read(must::query::all(), {}, [](const must::recorded<must::payload>& record) {
    std::cout << record.position << ": " << record.type << ' ' << record.data.bytes() << '\n';
  });
}
