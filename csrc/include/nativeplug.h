/* What a plugin tells about itself; for authors of plugins in C and C++.
 *
 * Each macro writes a declaration twice: for the compiler, and as text into
 * the section ".nativeplug" of the object file. The text is what the
 * preprocessor has made of the very words that the compiler reads, macros
 * expanded, so it cannot say anything else. The section is not loaded (it has
 * no SHF_ALLOC): at run time it costs nothing. Where files are not ELF, or the
 * compiler has no GNU assembler statements, only the definitions stay.
 *
 *     NATIVEPLUG_INTERFACE("greeter", 1, 2);
 *     NATIVEPLUG_TYPE(typedef struct { double x, y; } Point);
 *     NATIVEPLUG_CONSTANT(LIMIT, 12);
 *     NATIVEPLUG_VARIABLE(int, calls) = 7;
 *     NATIVEPLUG_FUNCTION(double, length, (Point p)) { return p.x + p.y; }
 *     NATIVEPLUG_DECLARE(int (*handlers[4])(int code));
 *     int (*handlers[4])(int code);
 *
 * The section holds texts, each with a NUL at its end: "nativeplug 1", the
 * format, from each unit that includes this file; then "interface
 * greeter 1.2", "type typedef struct ...", "constant LIMIT = 12", "variable
 * int calls", "function double length (Point p)", "declare int
 * (*handlers[4])(int code)". Linkers put the sections of several objects
 * behind each other; empty texts mean nothing, and a reader passes over the
 * kinds that it does not know.
 *
 * C99 or later, C++11 or later. All names here begin with NATIVEPLUG_ or
 * nativeplug_. */
#ifndef NATIVEPLUG_H
#define NATIVEPLUG_H

/* Visible to dlsym, whatever -fvisibility says. */
#if defined(_WIN32)
#define NATIVEPLUG_EXPORT __declspec(dllexport)
#elif defined(__GNUC__)
#define NATIVEPLUG_EXPORT __attribute__((visibility("default")))
#else
#define NATIVEPLUG_EXPORT
#endif

/* NATIVEPLUG_TEXT_(x) is x as a string literal, macros expanded. The assembler
 * knows the escapes that this puts before quotes and backslashes, so a literal
 * made of that literal is what its directive takes. */
#define NATIVEPLUG_AS_TEXT_(...) #__VA_ARGS__
#define NATIVEPLUG_TEXT_(...) NATIVEPLUG_AS_TEXT_(__VA_ARGS__)
#define NATIVEPLUG_LITERAL_(...) \
    NATIVEPLUG_TEXT_(NATIVEPLUG_TEXT_(__VA_ARGS__))

/* NATIVEPLUG_RECORD_("kind ", directives) puts a text into the section; the
 * directives write the rest of it. A semicolon has to follow. __extension__:
 * ISO C warns of literals of more than 4,095 characters. */
#if defined(__ELF__) && defined(__GNUC__)
#define NATIVEPLUG_RECORD_(kind, directives)                                 \
    __extension__ __asm__(".pushsection .nativeplug,\"\",%progbits\n"        \
                          "\t.ascii \"" kind "\"\n" directives "\t.byte 0\n" \
                          "\t.popsection\n")
#else
#define NATIVEPLUG_RECORD_(kind, directives) struct nativeplug_nothing_
#endif
#define NATIVEPLUG_SAY_(kind, ...) \
    NATIVEPLUG_RECORD_(kind, "\t.ascii " NATIVEPLUG_LITERAL_(__VA_ARGS__) "\n")

NATIVEPLUG_RECORD_("nativeplug 1", "");

/* The interface that the plugin serves: a name without blanks, as a string
 * literal, and two decimal numbers. Once in a plugin, in a file that defines
 * something: of one that does not, --gc-sections keeps nothing. */
#define NATIVEPLUG_INTERFACE(name, major, minor) \
    NATIVEPLUG_NAMED_(NATIVEPLUG_TEXT_(name),    \
                      NATIVEPLUG_TEXT_(major) "." NATIVEPLUG_TEXT_(minor))
#define NATIVEPLUG_NAMED_(name, version) \
    NATIVEPLUG_RECORD_("interface ", "\t.ascii " name ", \" " version "\"\n")

/* Types of which the functions and variables make use, written in C: also in
 * C++ say "struct Point" for what C knows by that name only. */
#define NATIVEPLUG_TYPE(...)               \
    NATIVEPLUG_SAY_("type ", __VA_ARGS__); \
    __VA_ARGS__

/* A number that fits into an int, as an enumerator. */
#define NATIVEPLUG_CONSTANT(name, ...)                \
    NATIVEPLUG_SAY_("constant ", name = __VA_ARGS__); \
    enum { name = __VA_ARGS__ }

/* What is defined by itself, after this: an array, a pointer to a function, a
 * function with attributes. The compiler compares the two. */
#define NATIVEPLUG_DECLARE(...)               \
    NATIVEPLUG_SAY_("declare ", __VA_ARGS__); \
    NATIVEPLUG_EXTERN_ NATIVEPLUG_EXPORT __VA_ARGS__

/* Errors of calls. nativeplug_raise(text) notes, in a function that a program
 * calls, that the call fails: Python gets nativeplug.PluginRaised with a copy
 * of the text, in UTF-8, in place of the result. The last one of a call
 * counts. Once in a plugin, in one of its files:
 *
 *     NATIVEPLUG_ERRORS;
 *
 * That defines nativeplug_take_error, too, which nativeplug calls in the same
 * thread after each call of a plugin that exports it. It returns the text and
 * forgets it, or NULL; the text is valid until it is called again, which
 * nativeplug does at once. Plugins in other languages define it themselves.
 *
 * No C++ exception may leave a function that C calls. These two, around its
 * body, make an error of it (include <exception>); the argument is what is
 * returned then, nothing of void:
 *
 *     NATIVEPLUG_FUNCTION(double, length, (const char *text))
 *     NATIVEPLUG_TRY { return parse(text).length(); } NATIVEPLUG_CATCH(0)
 */
#ifdef __GNUC__
#ifdef __cplusplus
extern "C" {
#endif
__attribute__((visibility("hidden"))) void nativeplug_raise(const char *text);
NATIVEPLUG_EXPORT const char *nativeplug_take_error(void);
#ifdef __cplusplus
}
#endif
#define NATIVEPLUG_ERRORS                                                     \
    static char nativeplug_no_memory_[] = "no memory for the error's text";   \
    static __thread char *nativeplug_noted_, *nativeplug_taken_;              \
    static void nativeplug_free_(char *text)                                  \
    {                                                                         \
        if (text != nativeplug_no_memory_) {                                  \
            __builtin_free(text);                                             \
        }                                                                     \
    }                                                                         \
    void nativeplug_raise(const char *text)                                   \
    {                                                                         \
        __SIZE_TYPE__ size = __builtin_strlen(text) + 1;                      \
        char *copy = (char *)__builtin_malloc(size);                          \
                                                                              \
        nativeplug_free_(nativeplug_noted_);                                  \
        nativeplug_noted_ = copy == 0                                         \
                                ? nativeplug_no_memory_                       \
                                : (char *)__builtin_memcpy(copy, text, size); \
    }                                                                         \
    const char *nativeplug_take_error(void)                                   \
    {                                                                         \
        nativeplug_free_(nativeplug_taken_);                                  \
        nativeplug_taken_ = nativeplug_noted_;                                \
        nativeplug_noted_ = 0;                                                \
        return nativeplug_taken_;                                             \
    }                                                                         \
    struct nativeplug_nothing_
#define NATIVEPLUG_TRY try
#define NATIVEPLUG_CATCH(...)                     \
    catch (const std::exception &error)           \
    {                                             \
        nativeplug_raise(error.what());           \
        return __VA_ARGS__;                       \
    }                                             \
    catch (...)                                   \
    {                                             \
        nativeplug_raise("not a std::exception"); \
        return __VA_ARGS__;                       \
    }
#endif

/* The head of a variable's definition, and of a function's. */
#ifdef __cplusplus
#define NATIVEPLUG_EXTERN_ extern "C"
#define NATIVEPLUG_VARIABLE(type, name)      \
    NATIVEPLUG_SAY_("variable ", type name); \
    extern "C" NATIVEPLUG_EXPORT type name;  \
    type name
#define NATIVEPLUG_FUNCTION(result, name, parameters)     \
    NATIVEPLUG_SAY_("function ", result name parameters); \
    extern "C" NATIVEPLUG_EXPORT result name parameters
#else
#define NATIVEPLUG_EXTERN_ extern
#define NATIVEPLUG_VARIABLE(type, name)      \
    NATIVEPLUG_SAY_("variable ", type name); \
    extern NATIVEPLUG_EXPORT type name;      \
    type name
/* The prototype is for -Wmissing-prototypes. */
#define NATIVEPLUG_FUNCTION(result, name, parameters)     \
    NATIVEPLUG_SAY_("function ", result name parameters); \
    extern NATIVEPLUG_EXPORT result name parameters;      \
    result name parameters
#endif

#endif /* NATIVEPLUG_H */
