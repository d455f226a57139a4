// SPDX-License-Identifier: MIT
// A value object: a type that cannot hold a bad value, so that nobody has to check it again.
#include <must/codec/json.hpp>
#include <must/must.hpp>
#include <must/storage/memory.hpp>

#include <iostream>
#include <string>
#include <utility>

class Email {
 public:
  explicit Email(std::string text) : text_(std::move(text)) {
    must::ensure(text_.find('@') != std::string::npos, "\"" + text_ + "\" is no e-mail address");
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};
// It has no default, and needs none: it is read as a whole.
template <>
struct nlohmann::adl_serializer<Email> {
  static Email from_json(const json& from) { return Email(from.get<std::string>()); }
  static void to_json(json& to, const Email& from) { to = from.text(); }
};

struct Invited {
  static constexpr auto type = "Invited";
  std::string address;
};

// What arrives is text. The rule that checks it returns the command with the value object: parse, don't validate.
struct Invite {
  Email address;
  Invited be_translated_to_events() const { return {address.text()}; }
};
struct InviteRequest {
  std::string address;

  static constexpr auto be_authorized = must::anyone;
  Invite be_valid() const { return Invite{Email(address)}; }
};

int main() {
  must::memory_store<Invited> store;
  for (const auto* address : {"ann@example.org", "nobody"}) {
    const auto done = must::try_process_command(InviteRequest{address}, store);
    std::cout << (done ? "invited " + done->events[0].address : "refused: " + done.error().message) << '\n';
  }
  std::cout << nlohmann::json(Email("bob@example.org")) << '\n';
  try {
    static_cast<void>(nlohmann::json::parse(R"("bob")").get<Email>());
  } catch (const must::refusal& why) {
    std::cout << "not read: " << why.reason() << '\n';
  }
}
