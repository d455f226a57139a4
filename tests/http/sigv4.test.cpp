// SPDX-License-Identifier: MIT
// The signature of requests, against the examples and the test suite that Amazon publishes.
#include "must/http/sigv4.hpp"

#include "support/catch.hpp"

#include <string>
#include <vector>

namespace http = must::detail::http;

namespace {

std::string signature_of(const http::request& signs, std::string_view payload, const http::signing_key& key,
                         const http::signing_scope& scope) {
  const auto text = http::authorization(signs, payload, key, scope);
  return text.substr(text.rfind("Signature=") + 10);
}

const std::string nothing_hashed = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// What the documentation of S3 shows, under "Authenticating Requests: Using the Authorization Header".
std::string of_s3(http::request signs, const std::string& payload) {
  signs.headers.push_back({"Host", "examplebucket.s3.amazonaws.com"});
  signs.headers.push_back({"x-amz-date", "20130524T000000Z"});
  signs.headers.push_back({"x-amz-content-sha256", payload});
  return signature_of(signs, payload, {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
                      {.time = "20130524T000000Z", .region = "us-east-1"});
}

// What aws4_testsuite holds.
std::string of_suite(http::request signs, std::string_view body = {}) {
  signs.headers.push_back({"Host", "example.amazonaws.com"});
  signs.headers.push_back({"X-Amz-Date", "20150830T123600Z"});
  return signature_of(signs, http::to_hex(http::sha256_of(body)),
                      {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
                      {.time = "20150830T123600Z", .region = "us-east-1", .service = "service"});
}

}  // namespace

TEST_CASE("sigv4: the examples of S3 get the signatures that its documentation shows", "[http]") {
  CHECK(of_s3({.target = "/test.txt", .headers = {{"Range", "bytes=0-9"}}}, nothing_hashed) ==
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  CHECK(of_s3({.method = "PUT",
               .target = '/' + http::percent_encoded("test$file.text", true),
               .headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"}, {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}},
              http::to_hex(http::sha256_of("Welcome to Amazon S3."))) ==
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  CHECK(of_s3({.target = "/?" + http::canonical_query({{"lifecycle", ""}})}, nothing_hashed) ==
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  CHECK(of_s3({.target = "/?" + http::canonical_query({{"prefix", "J"}, {"max-keys", "2"}})}, nothing_hashed) ==
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST_CASE("sigv4: the requests of Amazon's test suite get its signatures", "[http]") {
  CHECK(of_suite({}) == "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  CHECK(of_suite({.method = "POST"}) == "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
  CHECK(of_suite({.target = "/?" + http::canonical_query({{"Param2", "value2"}, {"Param1", "value1"}})}) ==
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  CHECK(of_suite({.target = '/' + http::percent_encoded(
                                      "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")}) ==
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f");
  CHECK(of_suite({.target = '/' + http::percent_encoded("\xE1\x88\xB4")}) ==
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
  CHECK(of_suite({.headers = {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}}) ==
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
  CHECK(of_suite({.method = "POST", .headers = {{"Content-Type", "application/x-www-form-urlencoded"}}},
                 "Param1=value1") == "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

TEST_CASE("sigv4: HMAC gives what RFC 4231 shows, also for a key longer than a block", "[http]") {
  CHECK(http::to_hex(http::hmac_sha256("Jefe", "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(http::to_hex(
            http::hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
