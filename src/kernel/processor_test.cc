// Processor: what the kernel's answers mean, and what is asked of it then.
#include "kernel/processor.h"

#include <linux/prctl.h>

#include <gtest/gtest.h>

#include "kernel/probe.h"

namespace retort::kernel {
namespace {

TEST(Speculation, IsReadAsTheKernelMeansIt) {
  EXPECT_EQ(speculation_of(-1), Speculation::everywhere);
  EXPECT_EQ(speculation_of(PR_SPEC_NOT_AFFECTED), Speculation::none);
  EXPECT_EQ(speculation_of(PR_SPEC_DISABLE), Speculation::none);
  EXPECT_EQ(speculation_of(PR_SPEC_ENABLE), Speculation::everywhere);
  EXPECT_EQ(speculation_of(PR_SPEC_PRCTL | PR_SPEC_ENABLE), Speculation::choice);
  // What a process has switched off itself, it could switch on again.
  EXPECT_EQ(speculation_of(PR_SPEC_PRCTL | PR_SPEC_DISABLE), Speculation::choice);
  EXPECT_EQ(speculation_of(PR_SPEC_PRCTL | PR_SPEC_DISABLE_NOEXEC), Speculation::choice);
  EXPECT_EQ(speculation_of(PR_SPEC_PRCTL | PR_SPEC_FORCE_DISABLE), Speculation::off);
}

TEST(Speculation, IsNoChoiceAnyMoreOnceItIsForbidden) {
  const Status tried = try_in_child([]() -> Status {
    std::array<Speculation, 2> before{};
    for (const int kind : kSpeculations)
      before.at(static_cast<std::size_t>(kind)) = look_at_speculation(kind);
    if (auto forbidden = forbid_speculation(); !forbidden) return forbidden;
    for (const int kind : kSpeculations) {
      const Speculation was = before.at(static_cast<std::size_t>(kind));
      const Speculation wanted = was == Speculation::choice ? Speculation::off : was;
      if (look_at_speculation(kind) != wanted)
        return base::Error{base::Fault::internal, "kind " + std::to_string(kind), 0};
    }
    return {};
  });
  EXPECT_TRUE(tried) << tried.error().what;
}

TEST(CoreScheduling, IsAskedForOnlyWhereItIs) {
  const Status tried = try_in_child([] { return take_cores_alone(); });
  EXPECT_TRUE(tried) << tried.error().what;
}

}  // namespace
}  // namespace retort::kernel
