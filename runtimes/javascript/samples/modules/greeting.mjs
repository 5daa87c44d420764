export const forName = (name) => `Hello, ${name}!`;
