// SPDX-License-Identifier: MIT
// s3_objects against a server whose script refuses, lies, is slow and loses answers; and the XML that it takes.
#include "must/storage/objects/s3.hpp"

#include "servers/http_proxy.hpp"
#include "support/catch.hpp"
#include "support/error_of.hpp"

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using must::object_outcome;
using must_test::error_of;
using must_test::http_asked;
using must_test::http_deed;
using must_test::http_proxy;
using must_test::http_text;

constexpr const char* secret = "top/secret+key";

must::s3_options options_for(const http_proxy& server) {
  return {.endpoint = server.address(),
          .bucket = "bucket",
          .prefix = "a b/",
          .credentials = {"THEKEY", secret, "the-token"},
          .timeout = must::duration(400'000),
          .attempts = 3};
}
http_deed answers(std::string text) { return {.what = http_deed::kind::answer, .text = std::move(text)}; }
http_deed refuses(std::string_view status, const std::string& code, const std::string& more = {},
                  std::string_view headers = {}) {
  return answers(
      http_text(status, "<?xml version=\"1.0\"?>\n<Error><Code>" + code + "</Code>" + more + "</Error>", headers));
}
http_deed stores() { return answers(http_text("200 OK", "", "ETag: \"e1\"\r\n")); }

// What a header of a request says.
std::string header_of(const http_asked& asked, const std::string& name) {
  const auto at = asked.head.find("\r\n" + name + ": ");
  if (at == std::string::npos) return {};
  const auto begin = at + name.size() + 4;
  return asked.head.substr(begin, asked.head.find("\r\n", begin) - begin);
}

// A server that does one deed after another, and then the last again.
struct script {
  std::vector<http_deed> deeds{};
  std::vector<http_asked> heard{};
  std::mutex mutex{};
  http_proxy server{[this](const http_asked& asked) {
    const std::lock_guard lock(mutex);
    heard.push_back(asked);
    return deeds.at(std::min(heard.size(), deeds.size()) - 1);
  }};

  void restart(std::vector<http_deed> next) {
    const std::lock_guard lock(mutex);
    deeds = std::move(next);
    heard.clear();
  }
  [[nodiscard]] std::size_t count() {
    const std::lock_guard lock(mutex);
    return heard.size();
  }
};

bool holds_secret(const std::string& text) {
  for (const std::string one : {"THEKEY", secret, "the-token"})
    if (text.find(one) != std::string::npos) return true;
  return false;
}

}  // namespace

TEST_CASE("s3_objects: a put is one signed request with its condition", "[storage][s3]") {
  script acts;
  must::s3_objects objects(options_for(acts.server));
  acts.restart({stores()});
  const auto put = objects.put_if_absent("log/1%2F", "bytes");
  CHECK(put.outcome == object_outcome::done);
  CHECK(put.etag == "e1");
  REQUIRE(acts.count() == 1);
  const auto& first = acts.heard.front();
  CHECK(first.method == "PUT");
  CHECK(first.target == "/bucket/a%20b/log/1%252F");
  CHECK(first.body == "bytes");
  CHECK(header_of(first, "If-None-Match") == "*");
  CHECK(header_of(first, "x-amz-security-token") == "the-token");
  CHECK(header_of(first, "Authorization").find("Credential=THEKEY/") != std::string::npos);
  CHECK(first.head.find(secret) == std::string::npos);

  acts.restart({stores()});
  CHECK(objects.put_if_match("cells/a", "", "e0").outcome == object_outcome::done);
  REQUIRE(acts.count() == 1);
  CHECK(header_of(acts.heard.front(), "If-Match") == "e0");
  CHECK(header_of(acts.heard.front(), "If-None-Match").empty());
}

TEST_CASE("s3_objects: an answer to a put is taken for what it proves, and for no more", "[storage][s3]") {
  script acts;
  must::s3_objects objects(options_for(acts.server));
  const auto put = [&](std::vector<http_deed> deeds) {
    acts.restart(std::move(deeds));
    return objects.put_if_absent("k", "v");
  };
  CHECK(put({refuses("412 No", "PreconditionFailed")}).outcome == object_outcome::refused);
  CHECK(put({answers(http_text("412 No", ""))}).outcome == object_outcome::refused);
  // What was not carried out is tried again.
  for (const auto& [status, code] : {std::pair<std::string, std::string>{"409 Conflict", "ConditionalRequestConflict"},
                                     {"503 Busy", "SlowDown"},
                                     {"503 Busy", "ServiceUnavailable"},
                                     {"429 Much", "TooMany"},
                                     {"400 Late", "RequestTimeout"}}) {
    INFO(code);
    CHECK(put({refuses(status, code), stores()}).outcome == object_outcome::done);
    CHECK(acts.count() == 2);
    const auto busy = put({refuses(status, code)});
    CHECK(busy.outcome == object_outcome::retry);
    CHECK(busy.reason.find(code) != std::string::npos);
    CHECK(acts.count() == 3);
  }
  // What may have been carried out is not.
  using kind = http_deed::kind;
  for (const auto& lost :
       {refuses("500 Oh", "InternalError"), answers(http_text("502 Bad", "<html>")),
        answers(http_text("503 No", "<html>")), http_deed{.what = kind::end}, answers(http_text("200 OK", "")),
        http_deed{.what = kind::answer_and_end,
                  .text = "HTTP/1.1 200 OK\r\nETag: \"x\"\r\nContent-Length: 9\r\n\r\nhalf"},
        answers(http_text("403 No", "<Error><Code>Cut</Code>")),
        refuses("200 OK", "InternalError", "", "ETag: \"x\"\r\n"),
        http_deed{.what = kind::answer, .text = stores().text, .milliseconds = 2'000}}) {
    INFO(lost.text);
    const auto unknown = put({lost, stores()});
    CHECK(unknown.outcome == object_outcome::unknown);
    CHECK_FALSE(unknown.reason.empty());
    CHECK(acts.count() == 1);
  }
  // An object that is to be replaced may be gone.
  acts.restart({refuses("404 Gone", "NoSuchKey")});
  CHECK(objects.put_if_match("k", "v", "e").outcome == object_outcome::refused);
  must::s3_options nobody = options_for(acts.server);
  nobody.endpoint = "http://127.0.0.1:1";
  CHECK(must::s3_objects(nobody).put_if_absent("k", "v").outcome == object_outcome::retry);
}

TEST_CASE("s3_objects: what another attempt cannot mend is an error with the service's code and no key",
          "[storage][s3]") {
  script acts;
  must::s3_objects objects(options_for(acts.server));
  const auto fails = [&](http_deed deed) {
    acts.restart({std::move(deed)});
    const auto why = error_of<must::storage_error>([&] { static_cast<void>(objects.put_if_absent("k\n", "v")); });
    CHECK_FALSE(why.retryable);
    CHECK(why.operation == "put");
    CHECK_FALSE(holds_secret(why.message));
    CHECK(why.message.find("\"k\\x0a\"") != std::string::npos);
    CHECK(acts.count() == 1);
    return why;
  };
  CHECK(fails(refuses("404 No", "NoSuchBucket")).backend_code == "NoSuchBucket");
  CHECK(fails(refuses("404 No", "NoSuchBucket")).message.find("the bucket is missing") != std::string::npos);
  CHECK(fails(answers(http_text("404 No", "a page"))).backend_code == "404");
  CHECK(fails(refuses("403 No", "SignatureDoesNotMatch", "<Message>Check &amp; try</Message>"))
            .message.find("Check & try") != std::string::npos);
  for (const std::string one : {"THEKEY", secret, "the-token"})
    CHECK(fails(refuses("403 No", "InvalidAccessKeyId", "<Message>" + one + " is unknown</Message>")).backend_code ==
          "InvalidAccessKeyId");
  CHECK(fails(refuses("400 No", "ExpiredToken")).backend_code == "ExpiredToken");
  CHECK(fails(refuses("301 Moved", "PermanentRedirect", "", "x-amz-bucket-region: eu-west-3\r\n"))
            .message.find("the bucket is in the region eu-west-3, and not in us-east-1") != std::string::npos);
  CHECK(
      fails(answers(http_text("307 Moved", "", "Location: http://127.0.0.1:1/\r\n"))).message.find("another region") !=
      std::string::npos);
  CHECK(fails(refuses("400 No", "AuthorizationHeaderMalformed", "<Region>eu-west-3</Region>"))
            .message.find("eu-west-3") != std::string::npos);
  CHECK(fails(answers(http_text("400 No", "<html>"))).backend_code == "400");
}

TEST_CASE("s3_objects: a clock that differs is put right once, by the server's", "[storage][s3]") {
  script acts;
  must::s3_objects objects(options_for(acts.server));
  const auto skewed = refuses("403 No", "RequestTimeTooSkewed", "", "Date: Fri, 24 May 2030 12:00:00 GMT\r\n");
  acts.restart({skewed, stores()});
  CHECK(objects.put_if_absent("k", "v").outcome == object_outcome::done);
  REQUIRE(acts.count() == 2);
  CHECK(header_of(acts.heard[1], "x-amz-date").substr(0, 11) == "20300524T12");
  CHECK(header_of(acts.heard[1], "Authorization").find("/20300524/") != std::string::npos);
  acts.restart({stores()});
  CHECK(objects.put_if_absent("k", "v").outcome == object_outcome::done);
  CHECK(header_of(acts.heard[0], "x-amz-date").substr(0, 11) == "20300524T12");
  acts.restart({skewed});
  CHECK(error_of<must::storage_error>([&] { static_cast<void>(objects.put_if_absent("k", "v")); }).backend_code ==
        "RequestTimeTooSkewed");
  CHECK(acts.count() == 2);
  acts.restart({refuses("403 No", "RequestTimeTooSkewed", "", "Date: soon\r\n")});
  CHECK_THROWS_AS(objects.put_if_absent("k", "v"), must::storage_error);
  CHECK(acts.count() == 1);
}

TEST_CASE("s3_objects: keys that have expired are renewed once for all threads that meet it", "[storage][s3][race]") {
  // The server takes what is signed by the newest key alone.
  std::atomic<int> newest{0}, renewals{0};
  http_proxy server([&](const http_asked& asked) {
    const auto wanted = "Credential=KEY" + std::to_string(newest) + "/";
    if (header_of(asked, "Authorization").find(wanted) == std::string::npos) return refuses("400 No", "ExpiredToken");
    return stores();
  });
  auto options = options_for(server);
  options.credentials = {};
  options.timeout = must::duration(10'000'000);
  options.renew = [&] {
    ++renewals;
    return must::s3_credentials{"KEY" + std::to_string(newest), secret, ""};
  };
  must::s3_objects objects(options);
  CHECK(renewals == 0);
  CHECK(objects.put_if_absent("k", "v").outcome == object_outcome::done);
  CHECK(renewals == 1);
  for (int round = 1; round <= 3; ++round) {
    newest = round;
    std::atomic<int> good{0};
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] { good += objects.put_if_absent("k", "v").outcome == object_outcome::done; });
    }
    CHECK(good == 8);
    CHECK(renewals == 1 + round);
  }
  options.renew = [&] { return must::s3_credentials{"OLD", secret, ""}; };
  must::s3_objects expired(options);
  CHECK(error_of<must::storage_error>([&] { static_cast<void>(expired.get("k")); }).backend_code == "ExpiredToken");
  options.renew = []() -> must::s3_credentials { throw 7; };
  CHECK_THROWS_AS(must::s3_objects(options).get("k"), int);
  options.renew = [] { return must::s3_credentials{}; };
  CHECK(error_of<must::bad_input>([&] { static_cast<void>(must::s3_objects(options).get("k")); }).field ==
        "credentials");
}

TEST_CASE("s3_objects: keys come from the environment when no option gives any", "[storage][s3]") {
  script acts;
  auto options = options_for(acts.server);
  options.credentials = {};
  for (const char* const name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}) ::unsetenv(name);
  CHECK(error_of<must::bad_input>([&] { must::s3_objects{options}; }).field == "credentials");
  ::setenv("AWS_ACCESS_KEY_ID", "OFENV", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
  ::setenv("AWS_SESSION_TOKEN", "t", 1);
  acts.restart({stores()});
  CHECK(must::s3_objects(options).put_if_absent("k", "v").outcome == object_outcome::done);
  CHECK(header_of(acts.heard[0], "Authorization").find("Credential=OFENV/") != std::string::npos);
  CHECK(header_of(acts.heard[0], "x-amz-security-token") == "t");
  for (const char* const name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}) ::unsetenv(name);
}

TEST_CASE("s3_objects: no part of a part of an object is returned", "[storage][s3]") {
  script acts;
  must::s3_objects objects(options_for(acts.server));
  const auto body = [](std::string_view status, std::string_view text, std::string_view headers) {
    return answers(http_text(status, text, "ETag: \"e\"\r\n" + std::string(headers)));
  };
  const std::string sum = "x-amz-checksum-crc32c: 4waSgw==\r\n";  // of "123456789"
  acts.restart({body("200 OK", "123456789", sum)});
  CHECK(objects.get("k")->bytes == "123456789");
  CHECK(objects.get("k")->etag == "e");
  CHECK(objects.get("k")->size == 9);
  // Half a body, with a length that says so: another attempt, and then an error.
  acts.restart({body("200 OK", "1234", sum), body("200 OK", "123456789", sum)});
  CHECK(objects.get("k")->bytes == "123456789");
  const auto fails = [&](http_deed deed, must::object_range part) {
    acts.restart({std::move(deed)});
    INFO(acts.deeds.front().text);
    CHECK(error_of<must::storage_error>([&] { static_cast<void>(objects.get("k", part)); }).retryable);
  };
  const must::object_range all{};
  fails(body("200 OK", "1234", sum), all);
  fails(answers(http_text("200 OK", "123456789")), all);
  fails({.what = http_deed::kind::answer_and_end, .text = "HTTP/1.1 200 OK\r\nETag: \"e\"\r\n\r\n1234"}, all);
  fails({.what = http_deed::kind::answer_and_end,
         .text = "HTTP/1.1 200 OK\r\nETag: \"e\"\r\nContent-Length: 9\r\n\r\n1234"},
        all);
  fails(body("206 Part", "23", "Content-Range: bytes 1-3/9\r\n"), {1, 3});
  fails(body("206 Part", "234", "Content-Range: bytes 2-4/9\r\n"), {1, 3});
  fails(body("206 Part", "234", ""), {1, 3});
  fails(body("206 Part", "89", "Content-Range: bytes 7-8/10\r\n"), {7, 30});
  acts.restart({body("206 Part", "234", "Content-Range: bytes 1-3/9\r\n")});
  CHECK(objects.get("k", {1, 3})->bytes == "234");
  CHECK(objects.get("k", {1, 3})->size == 9);
  CHECK(header_of(acts.heard[0], "Range") == "bytes=1-3");
  acts.restart({body("200 OK", "123456789", "")});
  CHECK(objects.get("k", {7, 30})->bytes == "89");
  acts.restart({refuses("404 No", "NoSuchKey")});
  CHECK_FALSE(objects.get("k"));
  acts.restart({refuses("404 No", "NoSuchBucket")});
  CHECK_THROWS_AS(objects.get("k"), must::storage_error);
  acts.restart({answers(http_text("404 No", "<Error><Code>NoSuch")), answers(http_text("404 No", "")),
                refuses("404 No", "NoSuchKey")});
  CHECK_FALSE(objects.get("k"));
  // A get is tried again whatever came of it.
  acts.restart({http_deed{.what = http_deed::kind::end}, refuses("500 Oh", "InternalError"), body("200 OK", "1", "")});
  CHECK(objects.get("k")->bytes == "1");
}

TEST_CASE("s3_objects: a list comes page by page, decoded, and is refused when it is none", "[storage][s3]") {
  script acts;
  must::s3_objects objects(options_for(acts.server));
  const auto list = [](const std::string& text) {
    return answers(
        http_text("200 OK", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3/\">" +
                                text + "</ListBucketResult>"));
  };
  const auto key = [](const std::string& name) {
    return "<Contents><Key>" + name + "</Key><Size>7</Size><Owner><ID>x</ID></Owner></Contents>";
  };
  acts.restart({list("<IsTruncated>true</IsTruncated><NextContinuationToken>t&lt;</NextContinuationToken>"),
                list(key("a+b/log/1") + key("a%20b/log/2%25") +
                     "<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>")});
  const auto page = objects.list("log/", "log/0");
  CHECK(page.complete);
  REQUIRE(page.objects.size() == 2);
  CHECK(page.objects[0].key == "log/1");
  CHECK(page.objects[1].key == "log/2%");
  CHECK(page.objects[0].size == 7);
  REQUIRE(acts.count() == 2);
  CHECK(acts.heard[0].target ==
        "/bucket/?encoding-type=url&list-type=2&prefix=a%20b%2Flog%2F&start-after=a%20b%2Flog%2F0");
  CHECK(acts.heard[1].target.find("continuation-token=t%3C&") != std::string::npos);
  acts.restart({list(key("a b/log/1") + "<IsTruncated>true</IsTruncated>")});
  CHECK_FALSE(objects.list("log/").complete);
  for (const auto& bad :
       {list(key("a b/log/2") + key("a b/log/1")), list(key("a b/log/1") + key("a b/log/1")), list(key("a b/other/1")),
        list(key("log/1")), list("<Contents><Key>a b/log/1</Key></Contents>"),
        list("<Contents><Key>a b/log/1</Key><Size>-1</Size></Contents>"), list("<IsTruncated>true</IsTruncated>"),
        list(key("a%2/log") + "<EncodingType>url</EncodingType>"), refuses("200 OK", "InternalError"),
        answers(http_text("200 OK", "")),
        answers(http_text("200 OK", "<ListBucketResult></ListBucketResult><ListBucketResult/>")),
        list("<!DOCTYPE a [<!ENTITY b \"c\">]>"), list("&b;"), list("<a>")}) {
    acts.restart({bad});
    INFO(bad.text);
    CHECK_THROWS_AS(objects.list("log/"), must::storage_error);
  }
  acts.restart({answers(http_text("200 OK", std::string(17U << 20U, 'x')))});
  CHECK_THROWS_AS(objects.list("log/"), must::storage_error);
}

TEST_CASE("s3_objects: what is removed may have been gone, and a missing bucket is an error", "[storage][s3]") {
  script acts;
  must::s3_objects objects(options_for(acts.server));
  acts.restart({answers("HTTP/1.1 204 No Content\r\n\r\n")});
  objects.remove("k");
  CHECK(acts.heard[0].method == "DELETE");
  acts.restart({refuses("404 No", "NoSuchKey")});
  objects.remove("k");
  acts.restart({refuses("500 Oh", "InternalError"), answers("HTTP/1.1 204 No Content\r\n\r\n")});
  objects.remove("k");
  CHECK(acts.count() == 2);
  acts.restart({refuses("404 No", "NoSuchBucket")});
  CHECK_THROWS_AS(objects.remove("k"), must::storage_error);
  acts.restart({refuses("503 Oh", "SlowDown")});
  CHECK(error_of<must::storage_error>([&] { objects.remove("k"); }).retryable);
}

TEST_CASE("s3_objects: options outside their range are refused by name", "[storage][s3]") {
  http_proxy server([](const http_asked&) { return stores(); });
  const auto field_of = [&](auto&& change) {
    auto options = options_for(server);
    change(options);
    return error_of<must::bad_input>([&] { must::s3_objects{options}; }).field;
  };
  for (const std::string bad : {"", "ab", "A-Bucket", "a/b", "a..b", "a b", ".abc"})
    CHECK(field_of([&](auto& options) { options.bucket = bad; }) == "bucket");
  CHECK(field_of([](auto& options) { options.bucket = std::string(64, 'a'); }) == "bucket");
  for (const std::string bad : {"", "eu west", "eu/west", "EU"})
    CHECK(field_of([&](auto& options) { options.region = bad; }) == "region");
  for (const std::string& bad : {std::string(257, 'a'), std::string("a\n"), std::string("\xff")})
    CHECK(field_of([&](auto& options) { options.prefix = bad; }) == "prefix");
  CHECK(field_of([](auto& options) { options.endpoint = "host"; }) == "endpoint");
  CHECK(field_of([](auto& options) { options.credentials.secret_key = "a\nb"; }) == "credentials");
}

TEST_CASE("s3_objects: XML is read within bounds, and nothing that S3 would not write", "[storage][s3]") {
  const auto read = [](std::string_view xml) -> std::optional<std::string> {
    std::string all;
    if (!must::detail::s3::xml_reader(xml).read(
            [&](std::string_view path, std::string_view text) { (((all += path) += '=') += text) += ';'; }))
      return std::nullopt;
    return all;
  };
  CHECK(read("<a><b>1</b><c/><b x='>' y = \"'\">&#x20AC;&#65;&amp;</b></a>") == "a/b=1;a/c=;a/b=\u20ACA&;a=;");
  CHECK(read("\n<?xml version='1.0'?><!-- <x> --><a >t</a >\n") == "a=t;");
  for (const std::string bad : {"",
                                " ",
                                "a",
                                "<",
                                "<a",
                                "<a>",
                                "<a></b>",
                                "<a></a",
                                "<a/><b/>",
                                "x<a/>",
                                "<a/>x",
                                "<a b></a>",
                                "<a b=c></a>",
                                "<a b='></a>",
                                "<!DOCTYPE a><a/>",
                                "<a><![CDATA[x]]></a>",
                                "<a>&b;</a>",
                                "<a>&</a>",
                                "<a>&#0;</a>",
                                "<a>&#xD800;</a>",
                                "<a>&#x110000;</a>",
                                "<a>&#99999999999;</a>",
                                "<a>&#x;</a>",
                                "< a/>",
                                "</a>",
                                "<a></a></a>",
                                "<!-- ",
                                "<?x"}) {
    INFO(bad);
    CHECK_FALSE(read(bad));
  }
  std::string deep, wide = "<a>";
  for (int i = 0; i < 100'000; ++i) deep += "<a>", wide += "<b>1</b>";
  CHECK_FALSE(read(deep));
  CHECK(read(wide + "</a>"));
  // Every cut of a list is refused, and none is read beyond its end.
  const std::string list = "<?xml version=\"1.0\"?><L x=\"y\"><!-- c --><C><K>a&lt;b</K><S>1</S></C></L>";
  for (std::size_t size = 0; size < list.size(); ++size) CHECK_FALSE(read(std::string(list, 0, size)));
  CHECK(read(list));
}
