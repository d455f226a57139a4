// SPDX-License-Identifier: MIT
// A dynamic consistency boundary: the rule spans a course and a student, and 8 threads cannot break it.
#include <must/must.hpp>
#include <must/storage/memory.hpp>

#include <array>
#include <atomic>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

struct CourseDefined {
  static constexpr auto type = "CourseDefined";
  std::string course;
  int capacity;
  std::array<std::string, 1> tags() const { return {"course:" + course}; }
};

struct StudentSubscribed {
  static constexpr auto type = "StudentSubscribed";
  std::string student, course;
  std::array<std::string, 2> tags() const { return {"course:" + course, "student:" + student}; }
};

struct Course {
  using events = must::events<CourseDefined, StudentSubscribed>;
  int capacity = 0, taken = 0;
  void apply(const CourseDefined& defined) { capacity = defined.capacity; }
  void apply(const StudentSubscribed&) { ++taken; }
};

struct Student {
  using events = must::events<StudentSubscribed>;
  int courses = 0;
  void apply(const StudentSubscribed&) { ++courses; }
};

struct SubscribeStudent {
  std::string student, course;

  auto depends_on() const {
    return must::all_of(must::tagged<Course>("course:" + course), must::tagged<Student>("student:" + student));
  }
  static constexpr auto be_authorized = must::anyone;
  void be_valid(const Course& c, const Student& s) const {
    must::ensure(c.taken < c.capacity, "the course is full");
    must::ensure(s.courses < 5, "a student takes at most 5 courses");
  }
  StudentSubscribed be_translated_to_events() const { return {student, course}; }
};

int main() {
  must::memory_store<CourseDefined, StudentSubscribed> store;
  must::append(store, CourseDefined{"event sourcing", 100});

  std::atomic<int> subscribed{0}, refused{0};
  std::vector<std::jthread> threads;
  threads.reserve(8);
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 25; ++i) {
        const SubscribeStudent command{"s" + std::to_string(t * 25 + i), "event sourcing"};
        // Others subscribe at the same time: it is decided anew until it fits, however long that takes.
        const auto done =
            must::try_process_command(command, store, must::attempts{100'000}, must::deadline{std::chrono::minutes(5)});
        ++(done ? subscribed : refused);
        if (!done && done.error().message != "the course is full") std::cout << done.error().message << '\n';
      }
    });
  threads.clear();

  std::cout << subscribed << " subscribed, " << refused << " refused\n";
  const auto course = must::load(store, must::tagged<Course>("course:event sourcing"));
  std::cout << course.state.taken << " of " << course.state.capacity << " seats are taken\n";
}
