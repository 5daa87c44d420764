// Compile cache: what was compiled once is not compiled again, and never twice at the same time.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"

namespace retort::job {

class CompileCache {
 public:
  // Nothing: there is none, or it is to be compiled.
  using Answer = std::move_only_function<void(std::optional<base::Fd>)>;

  // Where entries are kept. Both calls return at once; the answer of `get` comes from the loop.
  class Shelf {
   public:
    Shelf() = default;
    Shelf(const Shelf&) = delete;
    Shelf& operator=(const Shelf&) = delete;
    virtual ~Shelf() = default;
    // A sealed memory file whose bytes are exactly what was put; nothing when there is none.
    virtual void get(const std::string& key, Answer answer) = 0;
    // Keeps a sealed memory file's bytes, or does not.
    virtual void put(const std::string& key, base::Fd entry) = 0;
  };

  // Two clients of one key: the first is told to compile, the others wait for it.
  class Claim {
   public:
    Claim() = default;
    Claim(Claim&& other) noexcept { *this = std::move(other); }
    Claim& operator=(Claim&& other) noexcept;
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;
    // When the one who compiles goes, the next who waits is told to.
    ~Claim() { let_go(); }

    // A sealed memory file: for those who wait, and for the shelf.
    void publish(const base::Fd& entry);
    // It does not compile. Those who wait go their own way: their limits may be others.
    void fail();
    void let_go();

   private:
    friend class CompileCache;
    CompileCache* cache_ = nullptr;
    std::string key_;
    std::uint64_t number_ = 0;
  };

  explicit CompileCache(Shelf& shelf) : shelf_(shelf) {}
  CompileCache(const CompileCache&) = delete;
  CompileCache& operator=(const CompileCache&) = delete;

  // `answer` is called once, later, from the loop, unless the claim is let go before.
  Claim look(const std::string& key, Answer answer);

 private:
  struct Claimant {
    std::uint64_t number = 0;
    Answer answer;  // none: it compiles
  };
  struct Work {
    bool asked = false;  // the shelf has answered
    std::vector<Claimant> claimants;
  };

  void on_shelf(const std::string& key, std::optional<base::Fd> entry);
  static void tell_first(Work& work);
  // Answers all who wait for the key.
  void answer_all(const std::string& key, const base::Fd* entry);

  Shelf& shelf_;
  std::map<std::string, Work> works_;
  std::uint64_t last_number_ = 0;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace retort::job
