/* sanitized.h -- for tests: what is repeated for the sake of numbers is repeated less under
 * sanitizers, which look at memory and see each path the first time. The suite without them does it
 * all.
 */
#ifndef JC_TESTS_SANITIZED_H
#define JC_TESTS_SANITIZED_H

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define UNLESS_SANITIZED(all, few) (SANITIZED ? (few) : (all))

#endif
