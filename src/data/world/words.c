/* words.c - the rules that phrases share: the open word classes. They are long lists, so
 * that most of a text's information is plain choices of words, which a small model learns
 * soon, and the vocabulary still fits a small tokenizer. All words that may follow "a"
 * begin with a consonant. */
#include "data/world/scene.h"

/* clang-format off */
static const char *const adjectives[] = {
    "big", "small", "tall", "short", "wide", "narrow", "heavy", "light", "dark", "bright", "warm",
    "cold", "dry", "wet", "soft", "hard", "round", "square", "thin", "thick", "new", "strong", "weak",
    "clean", "dirty", "quiet", "loud", "sweet", "sour", "bitter", "fresh", "plain", "pretty", "strange",
    "common", "rare", "cheap", "fine", "rough", "smooth", "sharp", "deep", "full", "hollow", "shiny",
    "dusty", "muddy", "golden", "silver", "wooden", "broken", "painted", "carved", "folded", "crooked",
    "tiny", "huge", "lovely", "funny", "simple", "solid", "pale", "faded", "torn",
    "blunt", "shallow", "greasy", "sticky", "slippery", "spotted", "striped", "rusty", "leaky", "bent",
    "cracked", "polished", "velvet", "leather", "copper", "marble", "paper", "glass", "giant", "little",
    "massive", "modern", "peculiar", "precious", "private", "secret", "second", "separate",
    "single", "spare", "steep", NULL};
static const char *const things[] = {
    "table", "chair", "box", "cup", "plate", "bowl", "jar", "bottle", "stone", "brick", "coin", "ring",
    "chain", "ladder", "bucket", "shovel", "hammer", "nail", "saw", "needle", "thread", "button",
    "coat", "glove", "scarf", "blanket", "pillow", "curtain", "window", "door", "lock", "letter",
    "book", "pencil", "map", "picture", "flag", "wheel", "cart", "wagon", "broom", "brush", "pan",
    "kettle", "stove", "shelf", "whistle", "feather", "leaf", "branch", "log", "shell", "pebble",
    "puddle", "cloud", "star", "shadow", "basin", "bench", "board", "bone", "bow", "bundle", "cage",
    "card", "chest", "cloth", "comb", "cork", "crown", "desk", "dish", "doll", "fan", "fork", "frame",
    "hook", "horn", "jug", "kite", "lantern", "mask", "medal", "net", "pipe", "pole", "pot", "purse",
    "rug", "sack", "sign", "sled", "stamp", "tent", "tray", "vase",
    "bag", "ball", "band", "barrow", "beam", "belt", "blade", "block", "boot", "brace",
    "bracelet", "candle", "cap", "carpet", "chalk", "clock", "coil", "crate", "cross",
    "cushion", "dart", "dome", "drain", "drawer", "drum", "dustpan", "fiddle", "file", "flask", "flute",
    "funnel", "gem", "globe", "goblet", "grater", "harp", "hat", "helmet", "hinge", "jacket", "knob",
    "lace", "lamp", "lens", "lid", "magnet", "mallet", "mat", "mirror", "mug", "napkin", "necklace",
    "paddle", NULL};
static const char *const spots[] = {
    "garden", "field", "hill", "bridge", "mill", "market", "square", "church", "school", "well", "gate",
    "wall", "tower", "barn", "stable", "yard", "street", "road", "path", "pond", "stream", "wood",
    "meadow", "orchard", "harbour", "beach", "cellar", "attic", "kitchen", "shop", "inn", "station",
    "fence", "hedge", "ditch", "quarry", "library", "theatre", "workshop", "bakery",
    "castle", "chapel", "cottage", "courtyard", "forge", "greenhouse", "hall", "hut", "lighthouse",
    "tunnel", "park", "plaza", "shed", "swamp", "temple", "village", NULL};
static const char *const past_verbs[] = {
    "saw", "found", "carried", "washed", "cleaned", "painted", "moved", "mended", "bought", "sold",
    "held", "pushed", "pulled", "lifted", "dropped", "turned", "touched", "hid", "took", "kept",
    "wanted", "brought", "weighed", "drew", "praised", "checked", "borrowed", "polished", "wrapped",
    "unpacked", "dusted", "fixed",
    "broke", "built", "caught", "chose", "dried", "drove", "folded", "followed", "gathered", "guarded",
    "hung", "loaded", "noticed", "placed", "repaired", "returned", NULL};
static const char *const adverbs[] = {
    "slowly", "quickly", "quietly", "gladly", "carefully", "calmly", "softly", "loudly", "proudly",
    "bravely", "kindly", "gently", "suddenly", "finally", "happily", "sadly", NULL};
static const char *const feelings[] = {
    "happy", "sad", "tired", "proud", "worried", "calm", "curious", "hungry", "thirsty", "busy",
    "lonely", "cheerful", "nervous", "hopeful", "sleepy", "surprised", NULL};
static const char *const natures[] = {
    "kind", "brave", "clever", "quiet", "cheerful", "careful", "friendly", "gentle", "lively", "modest",
    "patient", "polite", "proud", "wise", "shy", "strict", NULL};
static const char *const weathers[] = {
    "fine", "cold", "warm", "bright", "rainy", "windy", "foggy", "snowy", "stormy", "mild", "hot",
    "dark", "clear", "cloudy", "still", "frosty", NULL};
static const char *const times[] = {"morning", "evening", "day", "night", "afternoon", "week", NULL};
static const char *const numbers[] = {"two", "three", "four", "five", "six", "seven", "eight", "nine", NULL};
/* clang-format on */

const PhraseRule scene_words[] = {
    {"adj", adjectives}, {"thing", things},     {"spot", spots},
    {"did", past_verbs}, {"ly", adverbs},       {"feeling", feelings},
    {"kind", natures},   {"weather", weathers}, {"time", times},
    {"number", numbers}, {NULL, NULL},
};
