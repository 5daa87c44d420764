#include "shapes.h"

int area(const Rectangle& rectangle) { return rectangle.width * rectangle.height; }
