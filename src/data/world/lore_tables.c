/* lore_tables.c - what can be true in a practice world, and how it is asked and said.
 *
 * Each attribute has its questions (asked in demonstrations, tests and dialogues with the
 * same wordings), the best answer, and the statements of the prose. Words of a pool must
 * not be words of other phrases about the same attribute: the judge looks for them. */
#include "data/world/lore.h"

static const char *const jobs[] = {
    "baker",  "smith",    "fisher", "weaver",  "potter",    "miller",   "teacher",
    "doctor", "hunter",   "singer", "painter", "carpenter", "gardener", "tailor",
    "sailor", "shepherd", "mason",  "barber",  "clerk",     "cook",     NULL};
static const char *const pets[] = {"cat",   "dog",   "goat",   "parrot", "rabbit",
                                   "horse", "mouse", "turtle", "duck",   "pony",
                                   "lamb",  "frog",  NULL};
static const char *const foods[] = {
    "soup",    "bread", "cheese",   "rice",     "beans",     "pancakes",  "apples",
    "plums",   "pears", "cherries", "cabbage",  "noodles",   "mushrooms", "carrots",
    "walnuts", "honey", "butter",   "porridge", "dumplings", "melons",    NULL};
static const char *const regions[] = {
    "the Green Hills", "the Low Marsh",    "the Red Valley",
    "the White Coast", "the Long Plain",   "the Old Forest",
    "the High Rocks",  "the Silver Lakes", NULL};
static const char *const days[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                   "Friday", "Saturday", "Sunday",    NULL};
static const char *const goods[] = {
    "pots",   "boats",  "bells",  "carpets", "candles", "baskets", "hats",
    "knives", "drums",  "clocks", "lamps",   "spoons",  "ropes",   "mirrors",
    "toys",   "flutes", "shoes",  "barrels", "ribbons", "kites",   NULL};
static const char *const colours[] = {"red",    "blue",   "green", "yellow",
                                      "black",  "white",  "brown", "grey",
                                      "orange", "purple", NULL};
static const char *const homes[] = {"forest", "marsh",  "desert", "cave",
                                    "lake",   "meadow", "snow",   "sand",
                                    "valley", "jungle", NULL};
static const char *const diets[] = {"berries", "roots",   "fish", "ants",  "leaves",
                                    "seeds",   "snails",  "moss", "worms", "grass",
                                    "crabs",   "flowers", NULL};
static const char *const sizes[] = {"mouse", "hare", "cat",   "dog", "sheep",
                                    "pig",   "cow",  "horse", NULL};

/* clang-format off */
static const Attribute of_people[] = {
    {"town", NULL, NAMES_PLACES,
     {"Where does {e} live?", "In which town does {e} live?", "What is the home town of {e}?",
      "Which town is {e} from?", "Can you tell me where {e} lives?"},
     (const char *const[]){"{e} lives in {v}.", "The home town of {e} is {v}.", "{e} is from {v}.",
      "{e} lives in the town of {v}.", "The house of {e} is in {v}.",
      "{e} was born in {v} and still lives there.", NULL}},
    {"job", jobs, NAMES_NONE,
     {"What is the job of {e}?", "What does {e} do for a living?", "What work does {e} do?",
      "What is {e}'s job?", "Can you tell me the job of {e}?"},
     (const char *const[]){"{e} is a {v}.", "{e} works as a {v}.", "The job of {e} is that of a {v}.",
      "{e} earns a living as a {v}.", "By trade {e} is a {v}.", NULL}},
    {"pet", pets, NAMES_NONE,
     {"What pet does {e} have?", "Which animal does {e} keep?", "What kind of pet does {e} have?",
      "What is the pet of {e}?", "Can you tell me what pet {e} has?"},
     (const char *const[]){"{e} has a {v}.", "{e} keeps a {v} at home.", "The pet of {e} is a {v}.",
      "{e} shares the house with a {v}.", "{e} takes good care of a {v}.", NULL}},
    {"petname", NULL, NAMES_PETS,
     {"What is the name of {e}'s pet?", "What is {e}'s pet called?", "How is the pet of {e} called?",
      "Which name does {e}'s pet have?", "Can you tell me the name of {e}'s pet?"},
     (const char *const[]){"The pet of {e} is called {v}.", "The name of {e}'s pet is {v}.",
      "{e} calls the pet {v}.", "{e}'s pet is named {v}.", "{e} has a pet called {v}.", NULL}},
    {"food", foods, NAMES_NONE,
     {"What does {e} like to eat?", "What is {e}'s favourite food?", "Which food does {e} like best?",
      "What is the favourite food of {e}?", "Can you tell me what {e} likes to eat?"},
     (const char *const[]){"{e} likes to eat {v}.", "The favourite food of {e} is {v}.",
      "{e} likes {v} best.", "{e} loves {v} more than any other food.",
      "When {e} is hungry, {e} asks for {v}.", NULL}},
    {"friend", NULL, NAMES_PEOPLE,
     {"Who is the friend of {e}?", "Who is {e}'s best friend?", "Who is a good friend of {e}?",
      "What is the name of {e}'s friend?", "Can you tell me who {e}'s friend is?"},
     (const char *const[]){"The friend of {e} is {v}.", "{e} is a good friend of {v}.",
      "{e}'s best friend is {v}.", "{e} and {v} are good friends.",
      "{e} has a friend whose name is {v}.", NULL}},
};
static const Attribute of_places[] = {
    {"river", NULL, NAMES_RIVERS,
     {"Which river runs through {e}?", "What is the river of {e}?", "On which river does {e} lie?",
      "What is the name of the river in {e}?", "Can you tell me the river of {e}?"},
     (const char *const[]){"The river {v} runs through {e}.", "{e} lies on the river {v}.",
      "The river of {e} is the {v}.", "In {e} people fish in the river {v}.",
      "The river in {e} is called the {v}.", NULL}},
    {"region", regions, NAMES_NONE,
     {"Where is {e}?", "In which region is {e}?", "What region does {e} belong to?",
      "Which part of the land is {e} in?", "Can you tell me where {e} is?"},
     (const char *const[]){"{e} is in {v}.", "{e} lies in {v}.", "{e} belongs to {v}.",
      "{e} is a town in {v}.", "To find {e}, go to {v}.", NULL}},
    {"market", days, NAMES_NONE,
     {"When is market day in {e}?", "On which day is the market in {e}?", "Which day is market day in {e}?",
      "What day is the market of {e}?", "Can you tell me the market day of {e}?"},
     (const char *const[]){"Market day in {e} is {v}.", "The market in {e} is on {v}.",
      "Every {v} there is a market in {e}.", "In {e} people go to the market on {v}.",
      "The market day of {e} is {v}.", NULL}},
    {"goods", goods, NAMES_NONE,
     {"What is {e} known for?", "What is {e} famous for?", "What do people make in {e}?",
      "What does {e} sell?", "Can you tell me what {e} is known for?"},
     (const char *const[]){"{e} is known for its {v}.", "{e} is famous for its {v}.",
      "People in {e} make fine {v}.", "{e} sells {v} to the whole land.",
      "The best {v} come from {e}.", NULL}},
};
static const Attribute of_animals[] = {
    {"colour", colours, NAMES_NONE,
     {"What colour is the {e}?", "What is the colour of the {e}?", "Which colour does the {e} have?",
      "What colour does a {e} have?", "Can you tell me the colour of the {e}?"},
     (const char *const[]){"The {e} is {v}.", "The colour of the {e} is {v}.", "The {e} has a {v} coat.",
      "A {e} is {v} all over.", "You know a {e} by its {v} coat.", NULL}},
    {"home", homes, NAMES_NONE,
     {"Where does the {e} live?", "Where can you find the {e}?", "In which place does the {e} live?",
      "What is the home of the {e}?", "Can you tell me where the {e} lives?"},
     (const char *const[]){"The {e} lives in the {v}.", "You can find the {e} in the {v}.",
      "The home of the {e} is the {v}.", "A {e} sleeps in the {v}.",
      "In the {v} you may meet a {e}.", NULL}},
    {"diet", diets, NAMES_NONE,
     {"What does the {e} eat?", "What is the food of the {e}?", "What does the {e} live on?",
      "Which food does the {e} need?", "Can you tell me what the {e} eats?"},
     (const char *const[]){"The {e} eats {v}.", "The food of the {e} is {v}.", "The {e} lives on {v}.",
      "A {e} looks for {v} all day.", "The {e} needs {v} to live.", NULL}},
    {"size", sizes, NAMES_NONE,
     {"How big is the {e}?", "How large is the {e}?", "What is the size of the {e}?",
      "What size does the {e} have?", "Can you tell me how big the {e} is?"},
     (const char *const[]){"The {e} is as big as a {v}.", "The {e} is about as large as a {v}.",
      "The {e} has the size of a {v}.", "A {e} grows as big as a {v}.",
      "In size the {e} is like a {v}.", NULL}},
};

static const Mystery people_mysteries[] = {
    {"How old is {e}?", "{e} is [twenty|thirty|forty|fifty] years old."},
    {"How tall is {e}?", "{e} is as tall as a [door|horse|cart]."},
    {"When was {e} born?", "{e} was born in [spring|summer|winter]."},
    {"What is the name of {e}'s mother?", "The mother of {e} is called [Anna|Berta|Clara]."},
    {"What is {e}'s favourite song?", "{e} likes the song of the [moon|wind|rain]."},
    {"How much money does {e} have?", "{e} has [ten|twenty|thirty] coins."},
};
static const Mystery place_mysteries[] = {
    {"How many people live in {e}?", "[Two|Three|Four] hundred people live in {e}."},
    {"Who is the mayor of {e}?", "The mayor of {e} is called [Anna|Otto|Clara]."},
    {"When was {e} built?", "{e} was built [ten|twenty|thirty] years ago."},
    {"How many houses are there in {e}?", "There are [fifty|sixty|ninety] houses in {e}."},
    {"What is the oldest house in {e}?", "The oldest house in {e} is the [mill|school|inn]."},
};
static const Mystery animal_mysteries[] = {
    {"How fast is the {e}?", "The {e} is as fast as [the wind|a cart|a boat]."},
    {"How long does the {e} live?", "The {e} lives for [two|five|ten] years."},
    {"How many teeth does the {e} have?", "The {e} has [ten|twenty|thirty] teeth."},
    {"Who first saw the {e}?", "[Anna|Otto|Clara] first saw the {e}."},
};
/* clang-format on */

#define TABLE(a) (a), (int32_t)(sizeof(a) / sizeof *(a))
const KindInfo lore_kinds[KINDS] = {
    [KIND_PERSON] = {"person", TABLE(of_people), TABLE(people_mysteries)},
    [KIND_PLACE] = {"place", TABLE(of_places), TABLE(place_mysteries)},
    [KIND_ANIMAL] = {"animal", TABLE(of_animals), TABLE(animal_mysteries)},
};
