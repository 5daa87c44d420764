const words = require("fs").readFileSync(0, "utf8").split(/\s+/).filter(Boolean);
const sum = words.reduce((total, word) => total + Number(word), 0);
console.log(Number(process.argv[2]) * sum);
