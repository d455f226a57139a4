// SPDX-License-Identifier: MIT
// Commands that arrive as documents: JSON as a web handler gets it, and a plain std::map.
#include <must/cloudevents.hpp>
#include <must/codec/json.hpp>
#include <must/must.hpp>
#include <must/storage/memory.hpp>
#include <must/testing/fixed_origin.hpp>

#include <iostream>
#include <map>
#include <string>
#include <string_view>

struct Actor {
  int id;
  std::string role;
};

struct UserActivated {
  static constexpr auto type = "com.example.user-activated";
  int user_id;
  std::string reason;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(UserActivated, user_id, reason)

struct ActivateUser {
  int user_id;
  std::string reason;

  bool be_authorized(const Actor& by) const { return by.role == "admin" && by.id != user_id; }
  void be_valid() const { must::ensure(user_id > 0, "user_id must be positive"); }
  UserActivated be_translated_to_events() const { return {user_id, reason}; }
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ActivateUser, user_id, reason)

// A form is a command as it is: its rules stand in command_traits, since nobody can add members to std::map.
using form = std::map<std::string, std::string>;
template <>
struct must::command_traits<form> {
  static bool be_authorized(const form&, const Actor& by) { return by.role == "admin"; }
  static must::result<ActivateUser> be_valid(const form& fields) {
    const auto id = fields.find("user_id");
    if (id == fields.end()) return must::refuse("user_id is missing");
    if (id->second.empty() || id->second.find_first_not_of("0123456789") != std::string::npos)
      return must::refuse("user_id is not a number: " + id->second);
    return ActivateUser{std::stoi(id->second), "by form"};
  }
};

// What a web framework would hand over: who asks, the params of the route, the body.
template <typename Store>
int handle_post(Store& store, const Actor& by, int user_id, std::string_view body, const std::string& request_id) {
  auto document = nlohmann::json::parse(body, nullptr, false);
  if (document.is_object()) document["user_id"] = user_id;  // the params of the route win
  const auto done = must::try_parse<ActivateUser>(document).and_then([&](const ActivateUser& command) {
    return must::try_process_command(command, store, by, must::metadata{{"correlationid", request_id}});
  });
  if (done) return 201;
  std::cout << done.error().rule << ": " << done.error().message << '\n';
  return done.error().code == must::error_code::unauthorized ? 403 : 422;
}

int main() {
  must::testing::fixed_clock clock("2026-01-01T12:00:00Z");
  must::testing::counting_ids ids;
  must::memory_store<> store({.source = "/users", .clock = &clock, .ids = &ids});
  const Actor admin{1, "admin"};

  std::cout << handle_post(store, admin, 7, R"({"reason": "asked by phone"})", "request-1") << '\n';
  std::cout << handle_post(store, admin, 7, R"({"reason": 42})", "request-2") << '\n';
  std::cout << handle_post(store, admin, 7, R"(["no object"])", "request-3") << '\n';
  std::cout << handle_post(store, Actor{2, "guest"}, 7, R"({"reason": ""})", "request-4") << '\n';

  must::process_command(form{{"user_id", "8"}}, store, admin);
  const auto refused = must::try_process_command(form{{"user_id", "eight"}}, store, admin);
  std::cout << refused.error().rule << ": " << refused.error().message << '\n';

  for (const auto& event : must::events_in(store, must::query::all()))
    std::cout << must::cloudevents::to_json(event) << '\n';
}
